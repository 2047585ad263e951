import { once } from 'node:events';
import { connect } from 'node:net';
import { Controller, Get, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, NestFastifyApplication } from '@nestjs/platform-fastify';
import { drain } from './drain';

@Controller()
class SlowController {
  static asked: () => void = () => undefined;

  @Get('never')
  never(): Promise<void> {
    SlowController.asked();
    return new Promise(() => undefined);
  }
}

@Module({ controllers: [SlowController] })
class SlowModule {}

it('cuts a call that does not end, at last: no client holds the process', async () => {
  const app = await NestFactory.create<NestFastifyApplication>(SlowModule, new FastifyAdapter(), { logger: false });
  await app.listen(0, '127.0.0.1');
  const asked = new Promise<void>((resolve) => (SlowController.asked = resolve));
  const socket = connect(Number(new URL(await app.getUrl()).port), '127.0.0.1');
  socket.on('error', () => undefined);
  const closed = once(socket, 'close');
  socket.write('GET /never HTTP/1.1\r\nHost: x\r\n\r\n');
  await asked;
  await drain(app, 50);
  await closed;
});
