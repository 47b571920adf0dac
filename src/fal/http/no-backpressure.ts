/**
 * Turns off back-pressure: undici buffers a response body instead of pausing its connection. When a paused connection
 * closes, undici 7 throws an assertion outside every promise, which ends the process
 * (https://github.com/nodejs/undici/issues/5360). undici 8 fixes it but needs Node 22. Use it for responses of limited
 * size only; files are read with node:http.
 */
import { DecoratorHandler, type Dispatcher } from 'undici';

export const noBackpressure: Dispatcher.DispatcherComposeInterceptor = (dispatch) => (options, handler) =>
  dispatch(options, new NoBackpressureHandler(handler));

/** undici's type declares none of the methods. */
declare class Decorator {
  constructor(handler: Dispatcher.DispatchHandler);
  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void;
}

class NoBackpressureHandler extends (DecoratorHandler as unknown as typeof Decorator) {
  override onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    super.onResponseData(controller, chunk);
    if (controller.paused) controller.resume();
  }
}
