import type { ApiProblem } from '../api/types';

/** Say what went wrong in the shape that the panel shows. */
export function toProblem(error: unknown): ApiProblem {
  if (error instanceof Error) {
    const { message, hint, code } = error as Error & Partial<ApiProblem>;
    return { message, hint, code };
  }
  return { message: String(error) };
}
