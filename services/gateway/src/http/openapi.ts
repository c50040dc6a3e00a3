import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import type { FastifyInstance } from 'fastify'
import { jsonSchemaTransform, jsonSchemaTransformObject } from 'fastify-type-provider-zod'
import { KEY_FORM } from './idempotency.ts'

type TransformObject = typeof jsonSchemaTransformObject

/** OpenAPI 3.1 from the mounted routes, and pages to try them. Register before the routes. */
export async function registerOpenApi(app: FastifyInstance, version: string): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'DB-Forge',
        version,
        description: 'Spawn an isolated database with one call and query it a moment later.',
        license: { name: 'MIT', identifier: 'MIT' },
      },
      components: {
        securitySchemes: {
          bearer: { type: 'http', scheme: 'bearer' },
          apiKey: { type: 'apiKey', in: 'header', name: 'X-API-Key' },
          session: { type: 'apiKey', in: 'cookie', name: 'dbforge_session' },
        },
      },
    },
    transform: withHeaders,
    transformObject: withoutUnusedSchemas,
  })
  app.register((scope, _options, done) => {
    scope.addHook('onRoute', (route) => {
      route.config = { ...route.config, scope: null, quiet: true }
    })
    scope.register(swaggerUi, {
      routePrefix: '/docs',
      staticCSP: true,
      uiConfig: { url: '/openapi.json', tryItOutEnabled: true, persistAuthorization: false },
    })
    done()
  })
  app.get('/openapi.json', { config: { scope: null }, schema: { hide: true } }, async () =>
    app.swagger(),
  )
}

const headerDescriptions = {
  idempotent: {
    name: 'Idempotency-Key',
    schema: { type: 'string', minLength: 1, maxLength: 255, pattern: KEY_FORM.source },
    description:
      'Names this request; take a random one, such as a UUID. Sent again with the same key, it is not done again: the answer is the first one, with `Idempotent-Replayed: true`. Keys belong to their caller, not to a route: another route, path, query or body with the same key is refused. A key is good for 24 hours. Not kept, so that the request can be tried again: answers of 500 and above, 408 and 429. An answer above 1 MiB is not kept either, but the request is not done again. The one gap is a gateway that is killed after it has done something and before it has noted the answer: then what is sent again is done again. A spawn still counts as made, with a new password; rows may be inserted twice unless their key is unique.',
  },
  job: {
    name: 'Prefer',
    schema: { type: 'string', examples: ['respond-async'] },
    description:
      'With `respond-async` the answer is 202 and the job, which goes on by itself (RFC 7240).',
  },
} as const

/** They are described alone: nothing validates them a second time. */
const withHeaders: typeof jsonSchemaTransform = (input) => {
  const { schema, url } = jsonSchemaTransform(input)
  const { config } = input.route
  const headers = (['idempotent', 'job'] as const)
    .filter((kind) => config?.[kind])
    .map((kind) => headerDescriptions[kind])
  if (headers.length === 0) return { schema, url }
  const properties = headers.map(({ name, schema: of, description }) => [
    name,
    { ...of, description },
  ])
  return {
    schema: { ...schema, headers: { type: 'object', properties: Object.fromEntries(properties) } },
    url,
  }
}

/** Each schema is registered as input and as output; the document keeps those that something refers to. */
const withoutUnusedSchemas: TransformObject = (document) => {
  const object = jsonSchemaTransformObject(document)
  if (!('components' in object) || !object.components?.schemas) return object
  const { schemas } = object.components
  const used = new Set<string>()
  const visit = (part: unknown) => {
    for (const [, name = ''] of JSON.stringify(part).matchAll(
      /"#\/components\/schemas\/([^"]+)"/g,
    )) {
      if (used.has(name)) continue
      used.add(name)
      visit(schemas[name])
    }
  }
  visit(object.paths)
  for (const name of Object.keys(schemas)) if (!used.has(name)) delete schemas[name]
  return object
}
