/** The devices on which what a user feels is measured: those that are meant to be fast and are here. */
import type { DeviceOptions } from '../../src/backend/backend.js';
import { nativeBackend } from '../../src/backend/native/index.js';

export interface DeviceChoice extends DeviceOptions {
  readonly backend: 'native' | 'wasm';
  readonly weights: 'f32' | 'bf16';
}

const CHOICES: readonly DeviceChoice[] = [
  { backend: 'native', weights: 'f32' },
  { backend: 'native', weights: 'bf16' },
  { backend: 'wasm', weights: 'f32' },
];

export function presentDevices(): readonly DeviceChoice[] {
  const { available } = nativeBackend.status();
  return CHOICES.filter(({ backend }) => available || backend !== 'native');
}

export function deviceName({ backend, weights }: DeviceChoice): string {
  return `incache ${backend} ${weights}`;
}
