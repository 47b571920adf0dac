/**
 * Bodies that never wait for their reader: what comes is held until it is read. undici 7 asserts when a connection closes
 * while its body waits, outside of every promise, which ends the process: https://github.com/nodejs/undici/issues/5360,
 * cured in undici 8 only, and that one needs Node 22. For answers of bounded size; files go by node:http instead.
 */
import { DecoratorHandler, type Dispatcher } from 'undici';

export const unpaused: Dispatcher.DispatcherComposeInterceptor = (dispatch) => (options, handler) =>
  dispatch(options, new UnpausedHandler(handler));

/** undici's own type of it leaves its methods out. */
declare class Decorator {
  constructor(handler: Dispatcher.DispatchHandler);
  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void;
}

class UnpausedHandler extends (DecoratorHandler as unknown as typeof Decorator) {
  override onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    super.onResponseData(controller, chunk);
    if (controller.paused) controller.resume();
  }
}
