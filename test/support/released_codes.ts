// Codes as tests make them: with the permission that the caller of the JSON login has.
import { releaseCode } from '../../src/domain/code_release.ts';
import { type CodeDeps, createCodes, type FinishedLogin } from '../../src/tokens/authorization_code.ts';

export const RELEASE = releaseCode({ receiver: 'json_caller' });

export function createReleasedCodes(deps: CodeDeps) {
  const codes = createCodes(deps);
  return { issue: (login: FinishedLogin): Promise<string> => codes.issue(login, RELEASE) };
}
