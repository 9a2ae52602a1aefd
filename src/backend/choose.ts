/** Which backends exist, which are present here, and the choice among them. */
import { BACKENDS } from '#platform/backends';
import { ArgumentError, IncacheError } from '../errors.js';
import { type OptionNames, requireOptions } from '../optionNames.js';
import type { Backend, BackendStatus, Device, DeviceOptions, WeightPrecision } from './backend.js';

export const DEVICE_OPTION_NAMES: OptionNames<DeviceOptions> = {
  threads: true,
  weights: true,
  deviceIndex: true,
};

/** What is present, what is not, and why. */
export function backends(): BackendStatus[] {
  return BACKENDS.map((backend) => backend.status());
}

/** The same, after backends have asked the system what takes a while: whether there is an adapter for `gpu`. */
export async function probeBackends(): Promise<BackendStatus[]> {
  await Promise.all(BACKENDS.map((backend) => backend.probe?.()));
  return backends();
}

/**
 * Opens a device on the named backend, or on the fastest one present that has the precision asked for. `cuda:1` is
 * `cuda` with `deviceIndex` 1.
 * Throws an `ArgumentError` that lists the backends present when the named one is unknown or absent.
 */
export async function openDevice(name?: string, options: DeviceOptions = {}): Promise<Device> {
  requireOptions('options', options, DEVICE_OPTION_NAMES);
  const [, backend, index] = /^(cuda):(\d{1,3})$/.exec(name ?? '') ?? [];
  if (index !== undefined) return findBackend(backend).open({ ...options, deviceIndex: Number(index) });
  await BACKENDS.find((backend) => backend.name === name)?.probe?.();
  const found = findBackend(name, options.weights);
  if (options.deviceIndex && found.name !== 'cuda')
    throw new ArgumentError('deviceIndex', options.deviceIndex, `0, the one device of ${found.name}`);
  return found.open(options);
}

function findBackend(name: string | undefined, precision?: WeightPrecision): Backend {
  const present = BACKENDS.filter((backend) => backend.status().available);
  if (name === undefined) {
    const choice = present.filter(({ byNameOnly }) => !byNameOnly);
    const fitting = choice.find(({ precisions }) => !precision || precisions.includes(precision));
    const first = fitting ?? choice[0];
    if (first === undefined) throw new IncacheError(`no backend is available: ${reasons()}`);
    return first;
  }
  const chosen = present.find((backend) => backend.name === name);
  if (chosen) return chosen;
  const absent = BACKENDS.find((backend) => backend.name === name)?.status();
  const list = `one of ${present.map((backend) => backend.name).join(', ')}`;
  throw new ArgumentError('backend', name, absent ? `${list} ('${name}' is absent: ${absent.detail})` : list);
}

function reasons(): string {
  return backends()
    .map(({ name, detail }) => `${name}: ${detail}`)
    .join('; ');
}
