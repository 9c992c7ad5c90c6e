// A server under test and its load per route. One file in contenders/ per kind.

import type { BenchDatabase } from './database.ts';
import type { Load } from './load.ts';
import type { Server } from './processes.ts';

/** Routes in report order; each sends every contender the same requests. */
export const ROUTES = [
  'refresh, kept token',
  'refresh, rotating, no ID token',
  'refresh, rotating, ID token RS256',
  'refresh, rotating, ID token ES256',
  'exchange, HA dialect',
  'exchange, public, no ID token',
  'exchange, ID token RS256',
  'exchange, ID token ES256',
  'introspection, user tokens',
  'introspection, client tokens',
  'userinfo',
  'verify',
  'client credentials',
  'JWKS',
  'discovery',
  'way to the login page',
  'password login',
  'refresh during logins',
] as const;

export type Route = (typeof ROUTES)[number];

/** Creates the load of a round; called for each, so that codes are fresh. */
type LoadOf = () => Promise<Load>;

export interface Contender {
  name: string;
  server: Server;
  /** For Latchkey: rows that no request creates. */
  database_url?: string;
  /** Absent: the server has no such route. */
  loads: Partial<Record<Route, LoadOf>>;
  /** Load that runs at the same time as the measured route. */
  meanwhile?: Partial<Record<Route, LoadOf>>;
  /** Starts again on the same data, to measure a cold start; the first process must be stopped. */
  restart(): Promise<Server>;
}

export interface ContenderOptions {
  database: BenchDatabase;
  /** For the server's files. */
  folder: string;
  port: number;
  /** Distinct tokens per route. */
  tokens: number;
  /** Codes per exchange. */
  codes: number;
}
