import { HttpException } from '@nestjs/common';
import { DomainError } from '../kernel';
import { ErrorAnswer, answerOfDomainError } from './error-body';

/**
 * A domain error for a call that is not the plugin's own: whatever filter the host has, Nest's too, answers with the contract's body and status.
 * Headers are the thrower's to set, since no filter but ours would.
 */
export class AnswerException extends HttpException {
  readonly answer: ErrorAnswer;

  constructor(error: DomainError) {
    const answer = answerOfDomainError(error);
    super({ ...answer.body }, answer.status, { cause: error });
    this.answer = answer;
  }
}
