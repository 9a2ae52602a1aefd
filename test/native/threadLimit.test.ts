import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { describe, test } from 'node:test';
import { promisify } from 'node:util';
import { SKIP } from './present.js';

const CHOOSE = new URL('../../src/backend/choose.js', import.meta.url).href;

/** Where the stacks of a thousand threads do not fit. */
const LITTLE_ADDRESS_SPACE = 4_000_000;

function open(options: string): Promise<{ stdout: string }> {
  const code = `
    const { openDevice } = await import('${CHOOSE}');
    const opened = await openDevice('native', ${options}).catch((error) => error);
    console.log(opened.message ?? opened.threads);
    process.exit();`;
  const command = `ulimit -v ${LITTLE_ADDRESS_SPACE} && exec "$0" --input-type=module -e "$1"`;
  return promisify(execFile)('sh', ['-c', command, process.execPath, code]);
}

describe('thread-limit: native', {
  skip: SKIP || (process.platform !== 'linux' && 'limits are those of Linux'),
}, () => {
  test('threads that were asked for and cannot all be started are refused by number', async () => {
    const { stdout } = await open('{ threads: 1000 }');
    assert.match(
      stdout,
      /^cannot start 1000 threads: the system gives [1-9]\d{0,2} at most \(.+\); with 1 it has to start none$/m,
    );
  });

  test('the default is none of these errors', async () => {
    assert.match((await open('{}')).stdout, /^[1-9]\d*$/m);
  });
});
