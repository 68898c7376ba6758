// The types that openapi-generator's typescript-fetch generates: `status` tells the answers apart.
import { SignInAnswerFromJSON, type SignInAnswer } from "./generated/index";

export function next(answer: SignInAnswer): string {
  // @ts-expect-error -- only a complete sign-in has a session
  void answer.session;
  switch (answer.status) {
    case "complete":
      return answer.session.token;
    case "passcode_required":
      return answer.signInToken + answer.methods.map((method) => method.label).join();
    case "enrollment_required":
      return answer.signInToken + answer.allowedKinds.join();
  }
}

// An answer of a later release passes through.
export const later: string = SignInAnswerFromJSON({ status: "device_check_required" }).status;
