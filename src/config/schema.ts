// Every key of the configuration, with its bounds and default. `config.example.yaml` shows the same keys; a test compares them.
// What plug-ins add to their blocks stands in their own files; see block.ts.

import { z } from 'zod';
import { smtpConfig } from '../domain/smtp_config.ts';
import { clientSchema, registrationSchema, scopeSchema, urlClientsSchema } from './client.ts';
import { duration, lifetime } from './duration.ts';
import { forwardAuthSchema } from './forward_auth.ts';
import { groupSchema } from './group.ts';
import { certificateFile, countOrNever, databaseUrl, hostName, integer, origin, path, proxy, publicUrl, secretText } from './value.ts';

const listenHost = z.string().regex(/^[\w.:-]{1,255}$/, 'must be an IP address or host name');

const listen = z.strictObject({
  /** The address to listen on. */
  host: listenHost.default('0.0.0.0'),
  /** 0: any free port; only with `public_url`. */
  port: integer(0, 65_535).default(8420),
});

const database = z.strictObject({
  /** Takes the place of a password in database_url, and in direct_url. */
  password: secretText(1).optional(),
  /** The server behind the pooler that `database_url` names: for migrations, and for whatever holds on to its connection. */
  direct_url: databaseUrl().optional(),
  /** Connections of one process. */
  pool_size: integer(1, 500).default(10),
  /** Named statements; off behind a pooler that hands each transaction another connection. */
  prepared_statements: z.boolean().default(true),
  tls: z
    .strictObject({
      /** `require` encrypts, `verify-full` also proves that the server is the right one. */
      mode: z.enum(['disable', 'require', 'verify-full']).default('disable'),
      /** The authority that signed the server's certificate; absent: those that Node knows. */
      ca_file: certificateFile().optional(),
    })
    .refine(({ mode, ca_file }) => mode === 'verify-full' || ca_file === undefined, {
      path: ['ca_file'],
      error: 'is used by mode verify-full only',
    })
    .prefault({}),
});

const log = z.strictObject({
  level: z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']).default('info'),
  /** One line for each request. */
  requests: z.boolean().default(true),
});

const http = z.strictObject({
  /** Only from these is X-Forwarded-For believed; from anyone else it is a 400. */
  trusted_proxies: z.array(proxy()).max(1000).default([]),
  /** Failures of one address before it is banned; -1: never. */
  login_attempts_threshold: countOrNever(1, 10_000).default(10),
  ip_ban_enabled: z.boolean().default(true),
  /** Seconds that a ban lasts. */
  ip_ban_duration: duration('1m', '3650d').prefault('1h'),
  /** Names of this server besides public_url's, for trusted networks. */
  allowed_hosts: z.array(hostName()).max(100).default([]),
  /** Pages of other origins that may call us from a browser. */
  cors_allowed_origins: z.array(origin()).max(1000).default([]),
  /** Seconds between "not ready" and the end of listening, for balancers to notice. */
  shutdown_delay: duration('0s', '5m').prefault('2s'),
});

const tokens = z.strictObject({
  access_token_lifetime: duration('1m', '1d').prefault('30m'),
  /** Seconds without use after which a refresh token ends; null: never. */
  refresh_token_idle_lifetime: lifetime('1h', '3650d').prefault('never'),
  /** Seconds after which a refresh token ends, used or not; null: never. */
  refresh_token_lifetime: lifetime('1h', '3650d').prefault('never'),
  /** Seconds in which a rotated refresh token still answers with the same successor, for lost answers. */
  refresh_token_grace: duration('0s', '5m').prefault('10s'),
  /** Seconds after which the keys that sign tokens are succeeded by new ones. */
  signing_key_lifetime: duration('1d', '3650d').prefault('90d'),
  /** Of codes in Home Assistant's dialect; a standard code lives 60 s at most. RFC 6749 section 4.1.2: ten minutes at most. */
  authorization_code_lifetime: duration('10s', '10m').prefault('10m'),
});

const sessions = z.strictObject({
  /** Seconds without use after which a browser must log in again. */
  idle_lifetime: duration('5m', '3650d').prefault('14d'),
  /** Seconds after which a browser must log in again, used or not. */
  lifetime: duration('5m', '3650d').prefault('90d'),
});

const approvals = z.strictObject({
  /** Who lets new users in. */
  by: z.enum(['owner', 'administrators']).default('owner'),
  /** Users that may wait at the same time; further ones are refused. */
  max_pending: integer(1, 100_000).default(1000),
  /** Seconds after which a user nobody approved is deleted. */
  expire_after: duration('1h', '3650d').prefault('30d'),
});

const tokenExchange = z.strictObject({
  /** Whether clients that have the grant may trade access tokens for others (RFC 8693). */
  enabled: z.boolean().default(false),
});

const dpop = z.strictObject({
  /** Whether a proof of possession must name a nonce that was handed out a moment ago (RFC 9449 section 8). */
  require_nonce: z.boolean().default(false),
});

const audit = z.strictObject({
  /** Seconds that audit events are kept. */
  retention: duration('1d', '3650d').prefault('30d'),
});

const mail = z.strictObject({
  /** The mail server that every message leaves through. */
  smtp: smtpConfig.optional(),
});

const metrics = z
  .strictObject({
    enabled: z.boolean().default(false),
    /** What a scraper must send as bearer; absent: nothing, which an address of its own only may have. */
    token: secretText(16).optional(),
    /** An address of its own; absent: that of everything else. */
    listen: z
      .strictObject({
        host: listenHost.default('127.0.0.1'),
        /** 0: any free port, which the log names. */
        port: integer(0, 65_535),
      })
      .optional(),
  })
  .refine(({ enabled, token, listen }) => !enabled || token !== undefined || listen !== undefined, {
    path: ['enabled'],
    error: 'needs metrics.token (or token_file), or an address of its own in metrics.listen',
  });

/** The whole file. The blocks of plug-ins are checked by their own schemas, in block.ts. */
export const configSchema = z.strictObject({
  /** The issuer, and the start of every link; absent: `http://localhost:PORT`. */
  public_url: publicUrl().optional(),
  listen: listen.prefault({}),
  /** Holds the embedded database and the secret key made for it. */
  data_dir: path().prefault('./data'),
  /** Absent: the embedded PostgreSQL. */
  database_url: databaseUrl().optional(),
  database: database.prefault({}),
  /** Seals secrets in the database; absent: made in `data_dir`, with the embedded database only. */
  secret_key: secretText(32).optional(),
  /** Still opens what was sealed before the key was changed. */
  previous_secret_keys: z.array(secretText(32)).max(10).meta({ secret: true }).default([]),
  log: log.prefault({}),
  http: http.prefault({}),
  auth_providers: z.array(z.unknown()).max(100).optional(),
  auth_mfa_modules: z
    .array(z.unknown())
    .max(100)
    .default([{ type: 'totp' }]),
  groups: z.array(groupSchema).max(1000).default([]),
  tokens: tokens.prefault({}),
  sessions: sessions.prefault({}),
  approvals: approvals.prefault({}),
  /** Apps that log people in here. */
  clients: z.array(clientSchema).max(1000).default([]),
  /** Beside those that every server has. */
  scopes: z.array(scopeSchema).max(100).default([]),
  /** Whether clients may have people sent to other machines in the clear, as in a home network without certificates. */
  allow_http_redirect_uris: z.boolean().default(false),
  url_clients: urlClientsSchema.prefault({}),
  registration: registrationSchema.prefault({}),
  token_exchange: tokenExchange.prefault({}),
  dpop: dpop.prefault({}),
  /** Other hosts whose reverse proxy asks us who may in. */
  forward_auth: forwardAuthSchema.prefault({}),
  mail: mail.prefault({}),
  audit: audit.prefault({}),
  metrics: metrics.prefault({}),
});
