// The profile's fields in the JSON API: as /api/users and /api/me show them, and as they are entered there.
import { z } from 'zod';

/** In answers. */
export const profileResponse = {
  email: z.string().nullable(),
  email_verified: z.boolean(),
  picture: z.string().nullable(),
  locale: z.string().nullable(),
  zoneinfo: z.string().nullable(),
};

/** In bodies: null removes a value. The rules for the texts are those of domain/profile.ts. */
export const profilePatch = {
  email: z.string().max(320).nullable(),
  picture: z.string().max(2048).nullable(),
  locale: z.string().max(64).nullable(),
  zoneinfo: z.string().max(64).nullable(),
};
