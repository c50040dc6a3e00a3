import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import type { FastifyInstance } from 'fastify'
import { jsonSchemaTransform, jsonSchemaTransformObject } from 'fastify-type-provider-zod'

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
    transform: jsonSchemaTransform,
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
