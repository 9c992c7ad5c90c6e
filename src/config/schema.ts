// Every key of the configuration with bounds and default. A test compares `config.example.yaml`
// with it. Keys of plug-ins are in their own files; see block.ts.

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
  /** Replaces the password in database_url and direct_url. */
  password: secretText(1).optional(),
  /**
   * The server behind the pooler of `database_url`, for migrations and for connections that hold
   * state.
   */
  direct_url: databaseUrl().optional(),
  /** Connections per process. */
  pool_size: integer(1, 500).default(10),
  /** Named statements; disable behind a pooler in transaction mode without support for them. */
  prepared_statements: z.boolean().default(true),
  tls: z
    .strictObject({
      /** `require` encrypts; `verify-full` also verifies the server. */
      mode: z.enum(['disable', 'require', 'verify-full']).default('disable'),
      /** The certificate authority; absent: Node's. */
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
  /** Logs every request. */
  requests: z.boolean().default(true),
});

const http = z.strictObject({
  /** Only these may send X-Forwarded-For; from others it is refused with 400. */
  trusted_proxies: z.array(proxy()).max(1000).default([]),
  /** Failures of an address before it is banned; -1: never. */
  login_attempts_threshold: countOrNever(1, 10_000).default(10),
  ip_ban_enabled: z.boolean().default(true),
  /** Duration of a ban in seconds. */
  ip_ban_duration: duration('1m', '3650d').prefault('1h'),
  /** Other names of this server, for trusted networks. */
  allowed_hosts: z.array(hostName()).max(100).default([]),
  /** Origins whose pages may call this server from a browser. */
  cors_allowed_origins: z.array(origin()).max(1000).default([]),
  /** Seconds between "not ready" and the end of listening, for load balancers. */
  shutdown_delay: duration('0s', '5m').prefault('2s'),
});

const tokens = z.strictObject({
  access_token_lifetime: duration('1m', '1d').prefault('30m'),
  /** Seconds without use after which a refresh token expires; null: never. */
  refresh_token_idle_lifetime: lifetime('1h', '3650d').prefault('never'),
  /** Maximum lifetime of a refresh token in seconds; null: unlimited. */
  refresh_token_lifetime: lifetime('1h', '3650d').prefault('never'),
  /**
   * Seconds in which a rotated refresh token still returns the same successor, for lost responses.
   */
  refresh_token_grace: duration('0s', '5m').prefault('10s'),
  /** Seconds after which a signing key is replaced. */
  signing_key_lifetime: duration('1d', '3650d').prefault('90d'),
  /**
   * For codes of Home Assistant's dialect; standard codes last 60 s at most. RFC 6749 section
   * 4.1.2: at most ten minutes.
   */
  authorization_code_lifetime: duration('10s', '10m').prefault('10m'),
});

const sessions = z.strictObject({
  /** Seconds without use after which a session ends. */
  idle_lifetime: duration('5m', '3650d').prefault('14d'),
  /** Maximum lifetime of a session in seconds. */
  lifetime: duration('5m', '3650d').prefault('90d'),
});

const approvals = z.strictObject({
  /** Who approves new users. */
  by: z.enum(['owner', 'administrators']).default('owner'),
  /** Maximum waiting users; further ones are refused. */
  max_pending: integer(1, 100_000).default(1000),
  /** Seconds after which a user who was not approved is deleted. */
  expire_after: duration('1h', '3650d').prefault('30d'),
});

const tokenExchange = z.strictObject({
  /** Whether clients with this grant type may exchange access tokens (RFC 8693). */
  enabled: z.boolean().default(false),
});

const dpop = z.strictObject({
  /** Whether DPoP proofs must contain a recent nonce (RFC 9449 section 8). */
  require_nonce: z.boolean().default(false),
});

const audit = z.strictObject({
  /** Seconds for which audit events are kept. */
  retention: duration('1d', '3650d').prefault('30d'),
});

const mail = z.strictObject({
  /** The mail server. */
  smtp: smtpConfig.optional(),
});

const metrics = z
  .strictObject({
    enabled: z.boolean().default(false),
    /** The bearer token of a scraper; may be absent only with a separate address. */
    token: secretText(16).optional(),
    /** A separate listen address; absent: the main one. */
    listen: z
      .strictObject({
        host: listenHost.default('127.0.0.1'),
        /** 0: any free port, which is logged. */
        port: integer(0, 65_535),
      })
      .optional(),
  })
  .refine(({ enabled, token, listen }) => !enabled || token !== undefined || listen !== undefined, {
    path: ['enabled'],
    error: 'needs metrics.token (or token_file), or an address of its own in metrics.listen',
  });

/** The whole file. Blocks of plug-ins are validated in block.ts. */
export const configSchema = z.strictObject({
  /** The issuer and base of every link; absent: `http://localhost:PORT`. */
  public_url: publicUrl().optional(),
  listen: listen.prefault({}),
  /** The directory of the embedded database and its secret key. */
  data_dir: path().prefault('./data'),
  /** Absent: the embedded PostgreSQL. */
  database_url: databaseUrl().optional(),
  database: database.prefault({}),
  /** Seals secrets in the database; generated in `data_dir` for the embedded database. */
  secret_key: secretText(32).optional(),
  /** Earlier keys, which still open what they sealed. */
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
  /** In addition to the built-in ones. */
  scopes: z.array(scopeSchema).max(100).default([]),
  /**
   * Whether clients may have unencrypted redirects to other machines, as in a home network without
   * certificates.
   */
  allow_http_redirect_uris: z.boolean().default(false),
  url_clients: urlClientsSchema.prefault({}),
  registration: registrationSchema.prefault({}),
  token_exchange: tokenExchange.prefault({}),
  dpop: dpop.prefault({}),
  /** Hosts whose reverse proxy asks this server for access decisions. */
  forward_auth: forwardAuthSchema.prefault({}),
  mail: mail.prefault({}),
  audit: audit.prefault({}),
  metrics: metrics.prefault({}),
});
