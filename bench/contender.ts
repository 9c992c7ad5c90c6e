// A server under test: where it runs, and the load it gets for each route that it has. One file in contenders/ for each kind.

import type { BenchDatabase } from './database.ts';
import type { Load } from './load.ts';
import type { Server } from './processes.ts';

/** The routes in the order of the report. Each asks the same of every contender. */
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

/** Makes the load of one round; asked again for each, so that codes are fresh. */
type LoadOf = () => Promise<Load>;

export interface Contender {
  name: string;
  server: Server;
  /** Of Latchkey, for rows that no request makes. */
  database_url?: string;
  /** Absent: the server has no such route. */
  loads: Partial<Record<Route, LoadOf>>;
  /** What runs at the same server while the route is measured. */
  meanwhile?: Partial<Record<Route, LoadOf>>;
  /** Starts a second time on the same data, for the time of a cold start; the first one must be stopped. */
  restart(): Promise<Server>;
}

export interface ContenderOptions {
  database: BenchDatabase;
  /** For what the server writes beside the database. */
  folder: string;
  port: number;
  /** How many distinct tokens each route has. */
  tokens: number;
  /** How many codes each exchange has. */
  codes: number;
}
