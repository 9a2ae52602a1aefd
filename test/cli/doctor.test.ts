/** `incache doctor` says what is here, what is missing and what to do. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { probeBackends } from '../../src/backend/choose.js';
import { type DoctorReport, doctorText, examine } from '../../src/cli/doctorReport.js';
import { incache, Workplace } from './run.js';

const place = new Workplace();
after(() => place[Symbol.dispose]());

test('the report has every backend with its reason, and the exit code says whether something is broken', async () => {
  const { code, stdout, stderr } = await incache(['doctor', '--json'], place.folder);
  assert.equal(stderr, '');
  const report: DoctorReport = JSON.parse(stdout);
  assert.equal(code, report.problems.length === 0 ? 0 : 1);
  assert.deepEqual(
    report.backends,
    (await probeBackends()).map(({ name, available, detail }) => ({ name, present: available, detail })),
  );
  assert.equal(report.node, process.versions.node);
  assert.ok(report.memory.usable > 0 && report.memory.usable <= report.memory.total);
  assert.ok(report.trial);
  const optional = Object.fromEntries(report.optional.map(({ name, present }) => [name, present]));
  for (const name of ['@incache/emoji', '@incache/digits', '@incache/server'])
    assert.equal(optional[name], true, name);
});

test('the text is short, and tells problems with their remedy', async () => {
  const report = await examine();
  const text = doctorText(report);
  assert.ok(text.split('\n').length < 30, text);
  for (const { name } of report.backends) assert.match(text, new RegExp(`^  (yes|no ) +${name} `, 'm'));
  const broken = doctorText({ ...report, problems: ['no native kernels: install it again'] });
  assert.match(broken, /^Problem: no native kernels: install it again$/m);
  assert.doesNotMatch(broken, /works\.$/m);
  const slow = doctorText({ ...report, problems: [], suggestions: ['no native kernels: compile them'] });
  assert.match(slow, /^Suggestion: no native kernels: compile them$/m);
  assert.match(slow, /^Everything that is installed works\.$/m);
});
