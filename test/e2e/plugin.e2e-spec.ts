import { mkdtemp, readFile, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Body, CanActivate, Controller, ExecutionContext, Get, INestApplication, Injectable, Module, Post, UseGuards, ValidationPipe } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { EventEmitter2, EventEmitterModule, OnEvent } from '@nestjs/event-emitter';
import { NestExpressApplication } from '@nestjs/platform-express';
import { FastifyAdapter, NestFastifyApplication } from '@nestjs/platform-fastify';
import { InjectRepository, TypeOrmModule } from '@nestjs/typeorm';
import { IsInt } from 'class-validator';
import * as surface from 'magnetodb-backup-restore';
import { Column, Entity, PrimaryGeneratedColumn, Repository } from 'typeorm';
import * as kernel from '../../src/kernel';
import { createTestDatabase, TestDatabase } from '../setup/database';
import { until } from '../setup/until';
import { DIALECTS, expectStatus, makeTable, ManagementClient, refused } from './management-server';
import { AppModule } from './plugin-host/app.module';

/** The host's own life: a default TypeORM connection, a guard, validated bodies, events. */
@Entity('notes')
class NoteEntity {
  @PrimaryGeneratedColumn() id: number;
  @Column('integer') stars: number;
}

class NoteBody {
  @IsInt() stars: number;
}

@Injectable()
class HostGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    return context.switchToHttp().getRequest<{ headers: Record<string, string> }>().headers['x-host-key'] === 'host';
  }
}

@Controller('notes')
@UseGuards(HostGuard)
class NotesController {
  constructor(@InjectRepository(NoteEntity) readonly notes: Repository<NoteEntity>) {}

  @Post()
  add(@Body() body: NoteBody): Promise<NoteEntity> {
    return this.notes.save({ stars: body.stars });
  }

  @Get()
  all(): Promise<NoteEntity[]> {
    return this.notes.find();
  }
}

@Injectable()
class Listener {
  readonly ends: surface.NotificationEvent[] = [];
  readonly all: string[] = [];
  readonly own: string[] = [];

  @OnEvent('magnetodb.backup.create.end')
  ended(event: surface.NotificationEvent): void {
    this.ends.push(event);
  }

  @OnEvent('magnetodb.**')
  any(event: surface.NotificationEvent): void {
    this.all.push(event.event_type);
  }

  @OnEvent('host.thing')
  ownEvent(what: string): void {
    this.own.push(what);
  }
}

@Module({
  imports: [
    AppModule,
    EventEmitterModule.forRoot(),
    TypeOrmModule.forRootAsync({ useFactory: () => ({ type: 'postgres', url: process.env.DATABASE_URL ?? '', entities: [NoteEntity], synchronize: true }) }),
    TypeOrmModule.forFeature([NoteEntity]),
  ],
  controllers: [NotesController],
  providers: [Listener],
})
class BusyHost {}

type Platform = 'express' | 'fastify';

async function create(module: typeof AppModule | typeof BusyHost, platform: Platform): Promise<INestApplication> {
  const options = { logger: false, abortOnError: false } as const;
  return platform === 'express'
    ? NestFactory.create<NestExpressApplication>(module, options)
    : NestFactory.create<NestFastifyApplication>(module, new FastifyAdapter(), options);
}

describe.each(['express', 'fastify'] as const)('a foreign host on %s', (platform) => {
  let database: TestDatabase;
  let folder: string;
  let app: INestApplication;
  let tables: surface.TableBackend;
  let url: string;

  beforeEach(async () => {
    folder = await realpath(await mkdtemp(join(tmpdir(), 'plugin-')));
    database = await createTestDatabase();
    process.env.DATABASE_URL = database.url;
    process.env.OBJECTS_URL = pathToFileURL(folder).href;
  });
  afterEach(async () => {
    await app.close();
    await tables.close();
    await database.drop();
    await rm(folder, { recursive: true, force: true });
    delete process.env.DATABASE_URL;
    delete process.env.OBJECTS_URL;
  });

  const start = async (module: typeof AppModule | typeof BusyHost, prepare?: (host: INestApplication) => void): Promise<void> => {
    app = await create(module, platform);
    tables = app.get(surface.TABLE_BACKEND);
    prepare?.(app);
    await app.listen(0, '127.0.0.1');
    url = await app.getUrl();
  };

  /** A backup and a restore of it under another name, with every item there. */
  const backUpAndRestore = async (client: ManagementClient): Promise<string> => {
    const table = await makeTable(tables, 25);
    const backup = await client.madeBackup(table);
    expect(backup).toMatchObject({ status: 'CREATED', item_count: 25 });
    const job = await expectStatus(client.createRestore(`${table}_again`, { [client.keys.from]: backup[client.keys.id] }), 202);
    await until(async () => (await client.restore(`${table}_again`, job[client.keys.restoreId])).body['status'] === 'RESTORED', 40_000);
    expect((await tables.describeTable({ projectId: 'demo', name: `${table}_again` })).itemCount).toBe(25);
    return table;
  };

  it('of ten lines backs up and restores, in both dialects, and answers errors as the contract says', async () => {
    await start(AppModule);
    for (const dialect of DIALECTS) await backUpAndRestore(new ManagementClient(url, dialect, 'secret', 'demo'));

    const client = new ManagementClient(url, 'spec', 'secret', 'demo');
    await refused(new ManagementClient(url, 'spec', 'wrong', 'demo').get('/v1/demo/management/backups'), 401, 'Unauthorized');
    await refused(client.get('/v1/other/management/backups'), 403, 'Forbidden');
    await refused(client.createBackup('no_such_table'), 404, 'TableNotExistsException');
    await refused(client.backup('threads', '01890a5d-ac96-774b-bcce-b302099a8057'), 404, 'BackupNotExists');
    await refused(client.createBackup('threads', 7), 400, 'ValidationError');
    await refused(client.createBackup('threads', 'x', { surprise: 1 }), 400, 'ValidationError', /surprise/);
  });

  it('with a prefix, pipes, a guard, a database and events of its own keeps them, and the plugin keeps its promises', async () => {
    await start(BusyHost, (host) => {
      host.setGlobalPrefix('api');
      host.useGlobalPipes(new ValidationPipe({ whitelist: true, forbidNonWhitelisted: true, transform: true }));
    });
    const client = new ManagementClient(`${url}/api`, 'spec', 'secret', 'demo');
    const table = await backUpAndRestore(client);

    // Links lead back through the prefix.
    const { body } = await client.get(`${client.table(table)}/backups`);
    const [backup] = body['backups'] as { links: { rel: string; href: string }[] }[];
    const self = backup?.links.find(({ rel }) => rel === 'self')?.href ?? '';
    expect(self).toContain(`${url}/api/v1/demo/management/${table}/backups/`);
    expect((await fetch(self, { headers: { 'X-Auth-Token': 'secret' } })).status).toBe(200);
    await refused(client.createBackup(table, 'x', { surprise: 1 }), 400, 'ValidationError', /surprise/);

    // The host's calls are its own: its guard, its errors, its database; the plugin's token opens nothing there.
    const notes = (headers: Record<string, string>, note?: object): Promise<Response> =>
      fetch(`${url}/api/notes`, {
        method: note ? 'POST' : 'GET',
        headers: { ...headers, ...(note ? { 'Content-Type': 'application/json' } : {}) },
        ...(note ? { body: JSON.stringify(note) } : {}),
      });
    expect((await notes({ 'X-Auth-Token': 'secret' })).status).toBe(403);
    expect((await notes({ 'x-host-key': 'host' }, { stars: 5 })).status).toBe(201);
    const refusal = await notes({ 'x-host-key': 'host' }, { stars: 5, surprise: 1 });
    expect(refusal.status).toBe(400);
    expect(await refusal.json()).toMatchObject({ statusCode: 400, error: 'Bad Request' });
    expect(await (await notes({ 'x-host-key': 'host' })).json()).toEqual([{ id: 1, stars: 5 }]);

    // Each event of the jobs is heard once, after it was committed; the host's emitter is untouched.
    const listener = app.get(Listener);
    await until(() => listener.all.length === 4);
    expect(listener.all.sort()).toEqual(['magnetodb.backup.create.end', 'magnetodb.backup.create.start', 'magnetodb.restore.end', 'magnetodb.restore.start']);
    expect(listener.ends).toHaveLength(1);
    expect(listener.ends[0]).toMatchObject({ priority: 'INFO', payload: { project_id: 'demo', table_name: table, status: 'CREATED', item_count: 25 } });
    app.get(EventEmitter2).emit('host.thing', 'mine');
    expect(listener.own).toEqual(['mine']);
  });
});

describe('the public surface', () => {
  it('is the package’s only entry, and holds every word of the kernel that the gateway uses', async () => {
    const description = JSON.parse(await readFile('package.json', 'utf8')) as { main: string; exports: Record<string, unknown> };
    expect(Object.keys(description.exports)).toEqual(['.', './package.json']);
    expect(description.exports['.']).toMatchObject({ default: `./${description.main}` });
    for (const name of Object.keys(kernel)) expect(Reflect.get(surface, name)).toBe(Reflect.get(kernel, name));
    expect(Object.keys(kernel).length).toBeGreaterThan(30);
  });

  it('is described as it is: the tested module word for word, in two documents, and every option', async () => {
    const module = await readFile('test/e2e/plugin-host/app.module.ts', 'utf8');
    const shown = await readFile('docs/embedding.md', 'utf8');
    expect(shown).toContain(`\`\`\`ts\n${module}\`\`\``);
    expect(await readFile('README.md', 'utf8')).toContain(module.slice(module.indexOf('@Module')));
    const code = await readFile('src/backup-restore.options.ts', 'utf8');
    const options = [...code.matchAll(/^ {2}readonly (\w+)/gm)].map(([, name]) => name);
    expect(options.length).toBeGreaterThan(15);
    expect(options.filter((name) => !shown.includes(`\`${name}\``))).toEqual([]);
  });
});
