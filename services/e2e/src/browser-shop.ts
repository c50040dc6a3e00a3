import type { Client } from '@db-forge/client'

/** A small shop to look at: four tables, a view, neighbours that are stopped and asleep, and one that was deleted. */
export async function makeShop(client: Client): Promise<void> {
  await client.databases.spawn({ params: { name: 'shop' } })
  await client.databases.spawn({
    params: { name: 'archive-2024' },
    body: { cpus: 0.5 },
  })
  await client.databases.stop({ params: { name: 'archive-2024' } })
  await client.databases.spawn({ params: { name: 'newsletter' } })
  await client.databases.restart({ params: { name: 'newsletter' } })
  await client.databases.sleep({ params: { name: 'newsletter' } })
  await client.databases.spawn({ params: { name: 'old-shop' } })
  await client.databases.delete({ params: { name: 'old-shop' } })
  await client.queries.batch({
    params: { name: 'shop' },
    body: { statements: statements.map((sql) => ({ sql })) },
  })
}

const counted = (count: number) =>
  `with recursive n(i) as (values (1) union all select i + 1 from n where i < ${count})`

const statements = [
  `create table customers (
    id integer primary key,
    name text not null,
    email text not null unique,
    city text not null,
    joined text not null default current_date,
    about text
  )`,
  `create table products (
    sku text primary key,
    title text not null,
    price real not null check (price >= 0),
    in_stock integer not null,
    picture blob
  )`,
  `create table orders (
    id integer primary key,
    customer_id integer not null references customers (id) on delete restrict,
    placed_at text not null,
    state text not null check (state in ('open', 'paid', 'sent'))
  )`,
  'create index orders_by_customer on orders (customer_id, placed_at)',
  `create table order_items (
    order_id integer not null references orders (id) on delete cascade,
    sku text not null references products (sku),
    amount integer not null,
    primary key (order_id, sku)
  ) without rowid`,
  `create view turnover as
    select c.city, count(distinct o.id) as orders, round(sum(i.amount * p.price), 2) as total
    from orders o
    join customers c on c.id = o.customer_id
    join order_items i on i.order_id = o.id
    join products p on p.sku = i.sku
    group by c.city`,
  `${counted(80)} insert into customers (name, email, city, joined, about)
    select
      substr('Ada  Ben  Cleo Dora Emil Finn GretaHugo ', 1 + i % 8 * 5, 5) || ' Nº ' || i,
      'customer' || i || '@shop.example',
      substr('Lisbon Porto  Madrid Geneva Vienna ', 1 + i % 5 * 7, 7),
      date('2025-01-01', '+' || (i * 3) || ' days'),
      case when i % 4 = 0 then null else 'Prefers parcels before noon.' || char(10) || 'Rings twice.' end
    from n`,
  `${counted(36)} insert into products
    select printf('SKU-%04d', i), 'Article number ' || i, i * 3.75, i * 17 % 90,
      case when i % 3 = 0 then randomblob(48) end
    from n`,
  `${counted(240)} insert into orders (customer_id, placed_at, state)
    select 1 + i * 7 % 80, datetime('2025-06-01', '+' || (i * 5) || ' hours'),
      case i % 3 when 0 then 'open' when 1 then 'paid' else 'sent' end
    from n`,
  `${counted(240)} insert into order_items
    select i, printf('SKU-%04d', 1 + i * 11 % 36), 1 + i % 4 from n`,
]
