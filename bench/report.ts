// Prints a route's figures of all contenders, and whether targets are met.

import type { Route } from './contender.ts';
import type { Figures } from './load.ts';
import { medians, pairedRatio, spread, wholeCpu } from './statistics.ts';
import { TARGETS, type Target } from './targets.ts';

/** The rounds of each contender that has the route. */
export type Results = ReadonlyMap<string, readonly Figures[]>;

export const HEADER =
  'req/s: median of the rounds, ± half of the distance from least to most; ms; CPU seconds per 1,000 requests: server + PostgreSQL;\n' +
  'ratios: ours to theirs inside one round, median (req/s; CPU, below 1 is cheaper)';

export function reportRoute(route: Route, results: Results, ours: string): string[] {
  const own = results.get(ours) ?? [];
  const lines = [...results].map(([name, runs]) => `  ${name.padEnd(16)}${figuresText(runs)}${name === ours ? '' : ratioText(own, runs)}`);
  return [route, ...lines, ...TARGETS.filter((target) => target.route === route).map((target) => `  ${targetText(target, own, results)}`)];
}

function figuresText(runs: readonly Figures[]): string {
  const { requests_per_second, p50, p99, cpu, database_cpu } = medians(runs);
  const half = (spread(runs.map((run) => run.requests_per_second)) / 2) * 100;
  const database = Number.isNaN(database_cpu) ? '-' : database_cpu.toFixed(2);
  return [
    `${requests_per_second.toFixed(0).padStart(7)} ±${half.toFixed(0).padStart(2)} %`,
    `p50 ${p50.toFixed(0).padStart(3)}  p99 ${p99.toFixed(0).padStart(4)}`,
    `CPU ${cpu.toFixed(2)}+${database}`,
  ].join('   ');
}

function ratioText(own: readonly Figures[], theirs: readonly Figures[]): string {
  if (own.length === 0) return '';
  return `   ours ${speedRatio(own, theirs).toFixed(2)}x, CPU ${pairedRatio(own.map(wholeCpu), theirs.map(wholeCpu)).toFixed(2)}x`;
}

function speedRatio(own: readonly Figures[], theirs: readonly Figures[]): number {
  const speeds = (runs: readonly Figures[]) => runs.map((run) => run.requests_per_second);
  return pairedRatio(speeds(own), speeds(theirs));
}

function targetText({ peer, ratio, by }: Target, own: readonly Figures[], results: Results): string {
  const wanted = `target: ≥ ${ratio}x ${peer}${by === 'cpu' ? ' per CPU second' : ''}`;
  const theirs = results.get(peer);
  if (theirs === undefined || own.length === 0) return `${wanted}: not measured`;
  const reached = by === 'cpu' ? pairedRatio(theirs.map(wholeCpu), own.map(wholeCpu)) : speedRatio(own, theirs);
  return `${wanted}: ${verdict(reached >= ratio)} (${reached.toFixed(2)}x)`;
}

export function boundText(name: string, value: number, holds: boolean, bound: string): string {
  return `${name}: ${Number.isInteger(value) ? value : value.toFixed(1)}; target ${bound}: ${verdict(holds)}`;
}

function verdict(is_met: boolean): string {
  return is_met ? 'met' : 'MISSED';
}
