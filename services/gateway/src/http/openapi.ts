import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import type { FastifyInstance } from 'fastify'
import { createJsonSchemaTransform, createJsonSchemaTransformObject } from 'fastify-type-provider-zod'

/** OpenAPI 3.1 from the mounted routes, and pages to try them. Register before the routes. */
export async function registerOpenApi(app: FastifyInstance, version: string): Promise<void> {
  // A bigint is how the gateway holds a JSON integer that a double would round; there is no schema for it.
  const zodToJsonConfig = { unrepresentable: 'any' } as const
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
    transform: createJsonSchemaTransform({ zodToJsonConfig }),
    transformObject: createJsonSchemaTransformObject({ zodToJsonConfig }),
  })
  await app.register(swaggerUi, {
    routePrefix: '/docs',
    staticCSP: true,
    uiConfig: { url: '/openapi.json', tryItOutEnabled: true, persistAuthorization: false },
  })
  app.get('/openapi.json', { config: { scope: null }, schema: { hide: true } }, async () => app.swagger())
}
