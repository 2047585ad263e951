export { MAINTENANCE_OPTIONS, MaintenanceOptions, ResolveTables } from './maintenance.options';
export { MaintenanceModule } from './maintenance.module';
