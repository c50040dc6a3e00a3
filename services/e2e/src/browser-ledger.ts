import type { Client } from '@db-forge/client'

/** A PostgreSQL database to look at: two schemas, and columns of the types that SQLite does not have. */
export async function makeLedger(client: Client): Promise<void> {
  await client.databases.spawn({ params: { name: 'ledger' }, body: { engine: 'postgres' } })
  await client.queries.batch({
    params: { name: 'ledger' },
    body: { statements: statements.map((sql) => ({ sql })) },
  })
}

const statements = [
  `create table accounts (
    id bigint generated always as identity primary key,
    holder text not null,
    opened date not null,
    is_open boolean not null default true,
    settings jsonb
  )`,
  'create schema sales',
  `create type sales.state as enum ('draft', 'sent', 'paid')`,
  `create table sales.invoices (
    number text primary key,
    account_id bigint not null references accounts (id) on delete restrict,
    amount numeric(20, 4) not null check (amount >= 0),
    state sales.state not null,
    paid_at timestamptz,
    tags text[] not null default '{}',
    lines jsonb not null
  )`,
  'create index invoices_unpaid on sales.invoices (account_id) where paid_at is null',
  `create view balances as
    select a.holder, count(*) as invoices, sum(i.amount) as total
    from accounts a join sales.invoices i on i.account_id = a.id group by a.holder`,
  'create materialized view sales.by_month as select date_trunc($$month$$, paid_at) as month, sum(amount) as total from sales.invoices group by 1',
  `insert into accounts (holder, opened, is_open, settings)
    select 'Holder Nº ' || i, date '2025-01-01' + i * 3, i % 5 <> 0,
      case when i % 3 = 0 then null else jsonb_build_object('currency', 'EUR', 'limit', i * 1000, 'alerts', jsonb_build_array('mail')) end
    from generate_series(1, 40) i`,
  `insert into sales.invoices
    select 'R-' || lpad(i::text, 5, '0'), 1 + i * 7 % 40, i * 12.3456,
      (array['draft', 'sent', 'paid'])[1 + i % 3]::sales.state,
      case when i % 3 = 2 then timestamptz '2025-06-01 08:30+00' + i * interval '5 hours' end,
      case when i % 4 = 0 then array['urgent', 'abroad'] else '{}' end,
      jsonb_build_array(jsonb_build_object('article', 'SKU-' || i, 'price', i * 12.3456, 'picked', i % 2 = 0))
    from generate_series(1, 180) i`,
  'refresh materialized view sales.by_month',
]
