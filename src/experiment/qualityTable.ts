/** Evaluations as a table for people: a line per configuration, mean and spread over seeds. */
import { frechetName } from '../evaluate/metrics/frechet.js';
import type { ExperimentContext, Row, Section } from './experiment.js';
import { common, type Group, groupBy, spread, spreadText } from './summary.js';

interface Column {
  readonly column: string;
  readonly title: string;
  readonly digits: number;
}

/** Columns without a number in any row are left out. */
export function qualityTable(
  rows: readonly Row[],
  context: ExperimentContext,
  title: string,
  more: readonly Column[] = [],
): Section {
  const groups = groupBy(rows, ['configuration']);
  const columns = [...more, ...qualityColumns(context)].filter(({ column }) =>
    groups.some((group) => spread(group, column)),
  );
  return {
    title,
    header: ['configuration', 'GMAC an image', ...columns.map((column) => column.title)],
    rows: groups.map((group) => [
      String(common(group, 'configuration')),
      spreadText({ mean: spread(group, 'gmac')!.mean }, 2),
      ...columns.map(({ column, digits }) => cellText(group, column, digits)),
    ]),
  };
}

function cellText(group: Group, column: string, digits: number): string {
  return spreadText(spread(group, column), digits);
}

function qualityColumns({ judge }: ExperimentContext): Column[] {
  const frechet = frechetName(judge?.extractor.name ?? '');
  return [
    { column: 'psnr', title: 'PSNR, dB', digits: 2 },
    { column: 'ssim', title: 'SSIM', digits: 4 },
    { column: 'relativeL2', title: 'relative L2', digits: 4 },
    { column: 'frechet', title: frechet, digits: 2 },
    { column: 'spatialFrechet', title: `spatial ${frechet}`, digits: 2 },
    { column: 'inceptionScore', title: 'inception score', digits: 3 },
    { column: 'accuracy', title: 'accuracy', digits: 3 },
    { column: 'precision', title: 'precision', digits: 3 },
    { column: 'recall', title: 'recall', digits: 3 },
  ];
}
