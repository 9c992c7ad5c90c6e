// Ten printed codes for the loss of all other factors, each usable once. They are offered only
// beside another factor and satisfy no policy. Stored as hashes.

import { randomInt } from 'node:crypto';
import { z } from 'zod';
import type { FormField } from '../domain/form.ts';
import { type CommonMfaModuleConfig, type MfaModuleType, normalizeCode, type SetupForm, WRONG_CODE } from '../domain/mfa_module.ts';
import { safeEqual, sha256 } from '../domain/secret.ts';

const CODE: FormField[] = [{ type: 'string', name: 'code', required: true }];
const COUNT = 10;
/** Without letters that are easily confused on paper. */
const LETTERS = '23456789abcdefghjkmnpqrstuvwxyz';
const LENGTH = 12;

export const mfa_module: MfaModuleType<CommonMfaModuleConfig> = {
  type: 'recovery_codes',
  default_name: 'Recovery codes',
  config: z.object({}),
  create: ({ id, type, name = mfa_module.default_name }) => ({
    id,
    type,
    name,
    max_retries: 5,
    several: false,
    is_backup: true,
    challenges_once: false,
    delivers: false,
    data_schema: CODE,
    challenge: async () => ({ type: 'form', state: {} }),

    async verify({ enrolments, values }) {
      const hash = hashOf(values.code);
      for (const { id: enrolment_id, secret } of enrolments) {
        const hashes = hashesIn(secret.hashes);
        const left = hashes.filter((kept) => !safeEqual(kept, hash));
        if (left.length < hashes.length) return { ok: true, enrolment_id, secret: { hashes: left }, amr: ['otp'] };
      }
      return WRONG_CODE;
    },

    async setup({ shown }) {
      if (!shown) return newForm();
      const { form, values } = shown;
      const hashes = hashesIn(form.state.hashes);
      const hash = hashOf(values.code);
      // Entering one of them proves that they were saved.
      if (hashes.some((kept) => safeEqual(kept, hash))) return { type: 'enrolled', enrolment: { secret: { hashes } } };
      return { ...form, errors: { base: 'invalid_code' } };
    },
  }),
};

function newForm(): SetupForm {
  const codes = Array.from({ length: COUNT }, newCode);
  const description_placeholders = { codes: codes.join('\n') };
  const state = { hashes: codes.map(hashOf) };
  return { type: 'form', step_id: 'init', data_schema: CODE, errors: {}, description_placeholders, state };
}

/** Three groups of four. */
function newCode(): string {
  const letters = Array.from({ length: LENGTH }, () => LETTERS[randomInt(LETTERS.length)]).join('');
  return letters.replace(/(.{4})(?=.)/g, '$1-');
}

function hashOf(code: string | undefined): string {
  return sha256(normalizeCode(code).toLowerCase()).toString('base64url');
}

function hashesIn(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((hash) => typeof hash === 'string') : [];
}
