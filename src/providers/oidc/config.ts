// The settings of an upstream server and the rules between them.
import { z } from 'zod';
import { type SchemaRule, withRules } from '../../domain/schema_rules.ts';
import { isUpstreamUrl } from '../../domain/upstream_url.ts';
import {
  DEFAULT_UPSTREAM_SCOPES,
  OIDC_PRESETS,
  type OidcClaims,
  type OidcPreset,
  STANDARD_CLAIMS,
  UPSTREAM_AUTH_METHODS,
  type UpstreamAuthMethod,
} from './presets.ts';

const url = () => z.string().max(2048).refine(isUpstreamUrl, 'must be a https URL; http is for this very machine alone');
const claimName = () => z.string().min(1).max(256);
const claim = () => claimName().exactOptional();
const ENDPOINTS = ['authorization_endpoint', 'token_endpoint', 'userinfo_endpoint'] as const;
const presetNames = Object.keys(OIDC_PRESETS).filter((name): name is keyof typeof OIDC_PRESETS => name in OIDC_PRESETS);
/** Claims that can be reassigned, or that people choose themselves. */
const CHANGES_HANDS = /^(e-?mail|mail|upn|unique_name|preferred_username|nickname|name)$/i;

/** Microsoft's addresses for any tenant; each tenant has its own issuer. */
const ANY_TENANT = /^https:\/\/login\.microsoftonline\.[a-z]+\/(common|organizations|consumers)(\/|$)/i;

const settings = z.object({
  preset: z.enum(presetNames).optional(),
  /** The base of `/.well-known/openid-configuration`; with the three endpoints just a name. */
  issuer: url().optional(),
  client_id: z.string().min(1).max(1024),
  client_secret: z.string().min(1).max(4096).meta({ secret: true }).optional(),
  token_endpoint_auth_method: z.enum(UPSTREAM_AUTH_METHODS).optional(),
  // RFC 6749 section 3.3
  scopes: z
    .array(z.string().regex(/^[\x21\x23-\x5b\x5d-\x7e]{1,256}$/, 'must be a scope: no blanks in it'))
    .max(50)
    .optional(),
  /** The names of claims. */
  claims: z
    .strictObject({
      subject: claimName()
        .refine((name) => !CHANGES_HANDS.test(name), 'must be what never changes and is never given to anybody else')
        .exactOptional(),
      username: claim(),
      name: claim(),
      email: claim(),
      email_verified: claim(),
      groups: claim(),
    })
    .prefault({}),
  /**
   * The endpoints of a server without OpenID Connect; then there is no discovery and no ID token.
   */
  authorization_endpoint: url().optional(),
  token_endpoint: url().optional(),
  userinfo_endpoint: url().optional(),
  /** Whether the server's `email_verified` is trusted; default: the preset's, else no. */
  trust_email: z.boolean().optional(),
  /** Whether endpoints on other hosts may have internal addresses. */
  allow_private_addresses: z.boolean().default(false),
});

export type OidcConfig = z.infer<typeof settings>;

const RULES: SchemaRule<OidcConfig>[] = [
  ['issuer', 'is required: there is no preset that says it', (config) => setting(config, 'issuer') !== undefined],
  [
    'issuer',
    'stands for every Microsoft tenant, and none of them has this issuer: use https://login.microsoftonline.com/<tenant id>/v2.0',
    (config) => !ANY_TENANT.test(setting(config, 'issuer') ?? ''),
  ],
  ['client_secret', 'is required, unless token_endpoint_auth_method is none', (config) => isPublic(config) || hasSecret(config)],
  ['client_secret', 'is not used with token_endpoint_auth_method none', (config) => !isPublic(config) || !hasSecret(config)],
  [
    'authorization_endpoint',
    'goes with token_endpoint and userinfo_endpoint: give all three or none',
    (config) => [0, 3].includes(ENDPOINTS.filter((name) => config[name] !== undefined).length),
  ],
  ['scopes', 'must have openid among them', (config) => endpointsOf(config) !== null || (config.scopes?.includes('openid') ?? true)],
];

export const oidcConfig = withRules(settings, RULES);

/** The settings with the defaults of preset and standard. */
export interface OidcSettings {
  /** The display name if the block has none. */
  default_name: string | undefined;
  issuer: string;
  client_id: string;
  client_secret: string;
  token_endpoint_auth_method: UpstreamAuthMethod;
  scopes: string[];
  claims: OidcClaims;
  /** Null: discovered. */
  endpoints: Record<(typeof ENDPOINTS)[number], string> | null;
  allow_private_addresses: boolean;
  trust_email: boolean;
}

export function oidcSettings(config: OidcConfig): OidcSettings {
  const preset = presetOf(config);
  const { issuer = '', client_id, client_secret = '', allow_private_addresses, ...rest } = merged(config);
  const { token_endpoint_auth_method = 'client_secret_basic', scopes = DEFAULT_UPSTREAM_SCOPES, trust_email = false } = rest;
  const claims = { ...STANDARD_CLAIMS, ...preset.claims, ...config.claims };
  const endpoints = endpointsOf(config);
  const asked = { issuer, client_id, client_secret, token_endpoint_auth_method, scopes, claims };
  return { default_name: preset.name, ...asked, endpoints, allow_private_addresses, trust_email };
}

function presetOf({ preset }: OidcConfig): Partial<OidcPreset> {
  return preset === undefined ? {} : OIDC_PRESETS[preset];
}

function merged(config: OidcConfig) {
  return { ...presetOf(config), ...config };
}

/** A setting, or else the preset's. Rules that read it this way are about this setting only. */
function setting<Key extends 'issuer' | 'token_endpoint_auth_method' | (typeof ENDPOINTS)[number]>(
  config: OidcConfig,
  key: Key,
): string | undefined {
  return config[key] ?? presetOf(config)[key];
}

function endpointsOf(config: OidcConfig): OidcSettings['endpoints'] {
  const [authorization_endpoint, token_endpoint, userinfo_endpoint] = ENDPOINTS.map((name) => setting(config, name));
  if (authorization_endpoint === undefined || token_endpoint === undefined || userinfo_endpoint === undefined) return null;
  return { authorization_endpoint, token_endpoint, userinfo_endpoint };
}

function isPublic(config: OidcConfig): boolean {
  return setting(config, 'token_endpoint_auth_method') === 'none';
}

function hasSecret({ client_secret }: OidcConfig): boolean {
  return client_secret !== undefined;
}
