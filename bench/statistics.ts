// Summarizes rounds: medians, spread, and ratios within a round.

import type { Figures } from './load.ts';

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const [low = Number.NaN, high = Number.NaN] = [sorted[Math.ceil(sorted.length / 2) - 1], sorted[middle]];
  return (low + high) / 2;
}

/** The median of each figure. */
export function medians(runs: readonly Figures[]): Figures {
  const of = (figure: keyof Figures) => median(runs.map((run) => run[figure]));
  return {
    requests_per_second: of('requests_per_second'),
    p50: of('p50'),
    p99: of('p99'),
    cpu: of('cpu'),
    database_cpu: of('database_cpu'),
  };
}

/** The range divided by the median. */
export function spread(values: readonly number[]): number {
  return (Math.max(...values) - Math.min(...values)) / median(values);
}

/** The median of the ratios of this server to theirs within each round. */
export function pairedRatio(ours: readonly number[], theirs: readonly number[]): number {
  return median(ours.map((value, round) => value / (theirs[round] ?? Number.NaN)));
}

/** CPU seconds per 1,000 requests, including PostgreSQL's if known. */
export function wholeCpu({ cpu, database_cpu }: Figures): number {
  return cpu + (Number.isNaN(database_cpu) ? 0 : database_cpu);
}
