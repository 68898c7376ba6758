// The types that hey-api generates: `status` tells the answers apart, and no answer has the fields of another.
import type { Problem, SignInAnswer, SubmitPasscodeErrors } from "./generated/index";

export function next(answer: SignInAnswer): string {
  // @ts-expect-error -- only a complete sign-in has a session
  void answer.session;
  switch (answer.status) {
    case "complete":
      return answer.session.token;
    case "passcode_required":
      return answer.sign_in_token + answer.methods.map((method) => method.label).join();
    case "enrollment_required":
      return answer.sign_in_token + answer.allowed_kinds.join();
  }
}

export function seconds(problem: SubmitPasscodeErrors[401]): number {
  const known: Problem = problem;
  return known.code === "passcode_already_used" ? (known.retry_after ?? 0) : 0;
}
