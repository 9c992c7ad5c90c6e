// The keys of this issuer: which one of each algorithm signs now, which ones verify, and how one follows another, by order or by age. Every
// process holds the same keyring and looks for changes every few seconds; a successor is published long before it signs, so that every
// reader of the JWKS knows it first.
import type { Audit } from '../domain/audit_event.ts';
import type { IdTokenAlgorithm } from '../domain/client.ts';
import { addSeconds, type Clock } from '../domain/clock.ts';
import type { JsonObject } from '../domain/json.ts';
import type { SigningKeyRepository, SigningKeyRow } from '../repository/signing_keys.ts';
import type { Sealer } from '../secrets/sealer.ts';
import { createSignatureCache } from './signature_cache.ts';
import {
  encodedJwsHeaders,
  type JwsHeader,
  jwsHeader,
  newSigningKey,
  publicJwk,
  readPrivateKey,
  readPublicKey,
  SIGNING_ALGORITHMS,
  type SigningKey,
  signJws,
  TOKEN_TYPS,
  type TokenTyp,
  verifyJws,
} from './signing_key.ts';

/** Seconds a successor is published before it signs. */
export const PUBLICATION_LEAD = 600;
/** Seconds for which others may keep the JWKS: well below the lead. */
export const JWKS_MAX_AGE = 300;
/** Longer tokens are refused unread (HA contract 8.3). */
const MAX_TOKEN_LENGTH = 8192;

const REFRESH_MS = 2_000;
const MIN_REFRESH_MS = 1_000;
/**
 * Seconds for which a key verifies after it has signed for the last time. An ID token is known for so long when it comes back as a hint; access
 * tokens are dead by then (a day at most), all but the long-lived ones.
 */
const HINT_LIFETIME = 30 * 86_400;
/** Seconds by which a key outlives its last token: leeway, and replicas that learn of a successor late. */
const MARGIN = 60;

export interface KeyringDeps {
  signingKeys: SigningKeyRepository;
  sealer: Pick<Sealer, 'seal' | 'open'>;
  clock: Clock;
  /** Seconds that a key signs; without it nothing but rotate() retires one. */
  signing_key_lifetime?: number;
  audit?: Audit;
}

export interface Keyring {
  /** A JWS of these claims, by the key of that algorithm (ES256) that signs now. Of the others there is none before `ready`. */
  sign(claims: object, typ: TokenTyp, algorithm?: IdTokenAlgorithm): string;
  /** Resolves when there is a key of the algorithm; makes the first one. */
  ready(algorithm: IdTokenAlgorithm): Promise<void>;
  /** What a token of ours says; null for anything that we did not sign, or whose key is gone. */
  verify(token: string): { header: JwsHeader; claims: JsonObject } | null;
  /** The key that signed this long-lived token of ours stays published until the token ends, though it be succeeded right now. */
  keep(token: string, expires_at: Date): Promise<void>;
  /** The public keys (RFC 7517), those that will sign soon included: the same object until they are read anew. */
  jwks(): { keys: ReturnType<typeof publicJwk>[] };
  /** Takes in what other processes changed. */
  refresh(): Promise<void>;
  /** Publishes a successor, which signs in `signs_in` seconds, and answers its id; while one of the algorithm (ES256) waits already, that one's. */
  rotate(options?: { algorithm?: IdTokenAlgorithm; signs_in?: number }): Promise<string>;
  list(): (SigningKeyRow & { state: 'waiting' | 'signing' | 'retired' })[];
  /** Waits for what is under way. */
  close(): Promise<void>;
}

export async function createKeyring(deps: KeyringDeps): Promise<Keyring> {
  const { signingKeys, sealer, clock, signing_key_lifetime, audit } = deps;
  const verified_tokens = createSignatureCache();
  let keys: SigningKey[] = [];
  let by_header = new Map<string, { key: SigningKey; header: JwsHeader }>();
  let published: ReturnType<Keyring['jwks']> = { keys: [] };
  let refreshing: Promise<void> | undefined;
  let maintaining: Promise<void> | undefined;
  let closed = false;
  let refreshed_at = Number.NEGATIVE_INFINITY;

  function signer(algorithm: IdTokenAlgorithm): SigningKey | undefined {
    const now = clock();
    return keys.findLast((key) => key.algorithm === algorithm && key.signs_from <= now);
  }

  async function load(): Promise<void> {
    refreshed_at = performance.now();
    const now = clock();
    const rows = await signingKeys.list({ now });
    const signing = SIGNING_ALGORITHMS.map((algorithm) => rows.findLast((row) => row.algorithm === algorithm && row.signs_from <= now));
    keys = await Promise.all(rows.map((row) => readKey(row, row.signs_from > now || signing.includes(row))));
    by_header = new Map(keys.flatMap((key) => TOKEN_TYPS.map((typ) => [key.headers[typ], { key, header: jwsHeader(key, typ) }])));
    published = { keys: keys.map(publicJwk) };
  }

  /** Keys that only verify are never unsealed. */
  async function readKey(row: SigningKeyRow, signs: boolean): Promise<SigningKey> {
    const known = keys.find((key) => key.id === row.id);
    const public_key = known?.public_key ?? readPublicKey(row);
    const private_key = signs ? (known?.private_key ?? (await unseal(row.id))) : undefined;
    return { ...row, public_key, private_key, headers: known?.headers ?? encodedJwsHeaders(row) };
  }

  async function unseal(id: string) {
    const sealed = await signingKeys.findPrivateKey(id);
    if (!sealed) throw new Error(`The signing key ${id} is gone`);
    return readPrivateKey(sealer.open(sealed, place(id)));
  }

  async function newSealedKey(algorithm: IdTokenAlgorithm) {
    const key = await newSigningKey(algorithm);
    return { ...key, private_key: sealer.seal(key.private_key, place(key.id)) };
  }

  function refresh(): Promise<void> {
    refreshing ??= load().finally(() => {
      refreshing = undefined;
    });
    return refreshing;
  }

  /** Somebody shows a key that we do not know: perhaps it is new. Junk must not become one query each. */
  function lookForNews(): void {
    if (performance.now() - refreshed_at >= MIN_REFRESH_MS) refresh().catch(() => {});
  }

  async function ready(algorithm: IdTokenAlgorithm): Promise<void> {
    if (keys.some((key) => key.algorithm === algorithm && key.expires_at === null)) return;
    const key = await newSealedKey(algorithm);
    if (await signingKeys.addFirst(key, clock())) {
      audit?.record({ type: 'signing_key.created', outcome: 'done', detail: { kid: key.id, algorithm } });
    }
    await refreshAnew();
  }

  async function rotate({ algorithm = 'ES256', signs_in = PUBLICATION_LEAD }: { algorithm?: IdTokenAlgorithm; signs_in?: number } = {}) {
    await refreshAnew();
    const waiting = keys.find((key) => key.algorithm === algorithm && key.signs_from > clock());
    if (waiting) return waiting.id;
    const predecessor_expires_in = signs_in + HINT_LIFETIME + MARGIN;
    const succession = { now: clock(), signs_in, predecessor_expires_in, signs_long_lived: algorithm === 'ES256', margin: MARGIN };
    const { id, added } = await signingKeys.addSuccessor(await newSealedKey(algorithm), succession);
    if (added) audit?.record({ type: 'signing_key.rotated', outcome: 'done', detail: { kid: id, algorithm } });
    await refreshAnew();
    return id;
  }

  /** A look that began before something was changed does not count. */
  async function refreshAnew(): Promise<void> {
    await refreshing?.catch(() => {});
    await refresh();
  }

  /** What every process looks after, and whoever comes first does: there is a key of each algorithm, and none signs for too long. */
  async function maintain(): Promise<void> {
    await refresh();
    for (const algorithm of SIGNING_ALGORITHMS) {
      if (closed) return;
      await ready(algorithm);
      const youngest = keys.findLast((key) => key.algorithm === algorithm);
      const due = youngest && signing_key_lifetime && addSeconds(youngest.signs_from, signing_key_lifetime - PUBLICATION_LEAD);
      if (due && due <= clock()) await rotate({ algorithm });
    }
  }

  await refresh();
  // Commands wait for the one that access tokens need; a server has one of each before it listens.
  await ready('ES256');
  const timer = setInterval(() => {
    // What fails is tried again the next time; until then the keys stay as they are.
    maintaining ??= maintain()
      .catch(() => {})
      .finally(() => {
        maintaining = undefined;
      });
  }, REFRESH_MS).unref();

  return {
    sign(claims, typ, algorithm = 'ES256') {
      const key = signer(algorithm);
      if (!key?.private_key) throw new Error(`There is no key that signs ${algorithm} now`);
      return signJws(key.headers[typ], claims, algorithm, key.private_key);
    },
    ready,
    verify(token) {
      if (token.length > MAX_TOKEN_LENGTH) return null;
      const [header = '', claims = '', signature = '', ...rest] = token.split('.', 4);
      if (rest.length > 0) return null;
      // Only a header that we ourselves would write, letter by letter, is looked at any further: no alg, jwk, jku or crit of others.
      const known = by_header.get(header);
      if (!known) {
        lookForNews();
        return null;
      }
      if (known.key.expires_at && known.key.expires_at <= clock()) return null;
      const { algorithm, public_key } = known.key;
      const verified = verified_tokens.claimsOf(token, () => verifyJws(`${header}.${claims}`, signature, algorithm, public_key));
      return verified && { header: known.header, claims: verified };
    },
    async keep(token, expires_at) {
      const signed_by = by_header.get(token.slice(0, token.indexOf('.')));
      if (!signed_by) throw new Error('The key of a token that is to last is gone');
      await signingKeys.prolong({ id: signed_by.key.id, expires_at: addSeconds(expires_at, MARGIN) });
    },
    jwks: () => published,
    refresh,
    rotate,
    list() {
      const signing = SIGNING_ALGORITHMS.map(signer);
      const now = clock();
      return keys.map((key) => {
        const { public_key: _, private_key: __, headers: ___, ...row } = key;
        return { ...row, state: signing.includes(key) ? 'signing' : key.signs_from > now ? 'waiting' : 'retired' };
      });
    },
    async close() {
      closed = true;
      clearInterval(timer);
      await maintaining;
    },
  };
}

function place(id: string) {
  return { table: 'signing_keys', column: 'private_key', id };
}
