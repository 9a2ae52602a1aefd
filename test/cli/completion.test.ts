/** Completion in shells, and the layout of help. */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { incache, Workplace } from './run.js';

async function say(...args: string[]): Promise<string> {
  using place = new Workplace();
  const { code, stdout, stderr } = await incache(args, place.folder);
  assert.deepEqual([code, stderr], [0, '']);
  return stdout;
}

/** What bash offers for the last of these words. */
function offered(script: string, ...words: string[]): string[] {
  const list = words.map((word) => `'${word}'`).join(' ');
  const ask = `COMP_WORDS=(${list}); COMP_CWORD=${words.length - 1}; _incache; printf '%s\\n' "\${COMPREPLY[@]}"`;
  return execFileSync('bash', ['-c', `${script}\n${ask}`], { encoding: 'utf8' })
    .trim()
    .split('\n');
}

describe('completion', { concurrency: 2 }, () => {
  test('of bash offers commands, options and values', async () => {
    const script = await say('completion', 'bash');
    assert.deepEqual(offered(script, 'incache', 'sa'), ['sample']);
    assert.ok(offered(script, 'incache', '').includes('doctor'));
    assert.deepEqual(offered(script, 'incache', 'sample', '--pol').sort(), ['--policy', '--polynomial']);
    assert.deepEqual(offered(script, 'incache', 'sample', '--policy', 'tay'), ['taylorseer']);
    assert.deepEqual(offered(script, 'incache', 'sample', ''), ['']);
    assert.deepEqual(offered(script, 'incache', 'info', '--lab'), ['']);
  });

  for (const shell of ['bash', 'zsh', 'fish'])
    test(`of ${shell} has every command, and its syntax is good where the shell is here`, async () => {
      const script = await say('completion', shell);
      for (const command of ['sample', 'tune', 'choose-rank', 'completion'])
        assert.ok(script.includes(command));
      assert.match(script, /guidance-scale/);
      using place = new Workplace();
      // From a file: fish does not read from the socket that Node gives as standard input.
      writeFileSync(place.path('script'), script);
      const { error, status, stderr } = spawnSync(shell, ['-n', place.path('script')], { encoding: 'utf8' });
      if (!error) assert.equal(status, 0, stderr);
    });

  test('of zsh offers commands at the first call, from a folder of functions', async (t) => {
    using place = new Workplace();
    writeFileSync(place.path('_incache'), await say('completion', 'zsh'));
    const ask = `fpath=(. $fpath); autoload -Uz _incache; _describe() { print -l -- $commands; }
      words=(incache sa); CURRENT=2; _incache`;
    const { error, stdout } = spawnSync('zsh', ['-fc', ask], { cwd: place.folder, encoding: 'utf8' });
    if (error) return t.skip('there is no zsh');
    assert.match(stdout, /^sample:Draw images/m);
  });

  test('of fish offers commands, options and values', async (t) => {
    using place = new Workplace();
    writeFileSync(place.path('incache.fish'), await say('completion', 'fish'));
    const offers = (line: string) =>
      spawnSync('fish', ['--no-config', '-c', `source incache.fish; complete -C '${line}'`], {
        cwd: place.folder,
        encoding: 'utf8',
      });
    if (offers('incache ').error) return t.skip('there is no fish');
    assert.match(offers('incache sa').stdout, /^sample\t/);
    assert.match(offers('incache sample --pol').stdout, /^--policy\t/m);
    assert.match(offers('incache sample --policy tay').stdout, /^taylorseer\t/);
  });

  test('of another shell is refused', async () => {
    using place = new Workplace();
    const { code, stderr } = await incache(['completion', 'tcsh'], place.folder);
    assert.equal(code, 2);
    assert.equal(stderr, "incache: shell is 'tcsh'; expected one of bash, zsh, fish\n");
  });
});

describe('help', { concurrency: 2 }, () => {
  const headings = (text: string) => [...text.matchAll(/^([A-Z][^\n:]*:)$/gm)].map(([, heading]) => heading);

  test('has commands and options in groups, the most used first, and examples last', async () => {
    assert.deepEqual(headings(await say('--help')), [
      ...['Options:', 'Draw:', 'Make it faster:', 'Measure:', 'Models and files:', 'This installation:'],
      'Examples:',
    ]);
    assert.deepEqual(headings(await say('sample', '--help')), [
      ...['Options:', 'Prompts:', 'Sampling:', 'Cache policy:', 'Cache policy, for some policies only:'],
      ...['Model:', 'Device:', 'Output:', 'Examples:'],
    ]);
  });

  test('has every command in a group of its kind', async () => {
    const installation = (await say('--help')).split('\nThis installation:\n')[1]!.split('\n\n')[0]!;
    assert.deepEqual(
      [...installation.matchAll(/^ {2}([a-z-]+) /gm)].map(([, command]) => command),
      ['doctor', 'build', 'completion', 'help'],
      'a new command has a place in src/cli/help.ts',
    );
  });

  test('comes before complaints about what else is wrong', async () => {
    const help = await say('sample', '--help');
    assert.equal(await say('sample', '--steps', 'many', '--help'), help);
    assert.equal(await say('sample', '--no-such-option', '-h'), help);
    assert.match(await say('no-such-command', '--help'), /^Usage: incache \[options\]/);
  });

  test('has examples of every command that draws, tunes or measures, with options that there are', async () => {
    const commands = ['sample', 'tune', 'calibrate', 'choose-rank', 'fit', 'measure', 'evaluate', 'convert'];
    const helps = new Map(
      await Promise.all(commands.map(async (name) => [name, await say(name, '--help')] as const)),
    );
    for (const [name, help] of helps) {
      const examples = help.split('\nExamples:\n')[1]!.trim().split('\n');
      for (const [, command, rest] of examples.map((line) => /incache (\S+)(.*)/.exec(line)!)) {
        const options = rest!.match(/(?<= )--[\w-]+/g) ?? [];
        const known = helps.get(command!) ?? (await say(command!, '--help'));
        for (const option of options) assert.ok(known.includes(option), `${name}: ${command} ${option}`);
      }
    }
  });
});
