package connectors

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	_ "heji/connectors/table" // the kind
	"heji/deploy/demo/mariadb"
	"heji/services/embedded"
)

func init() {
	register(Case{Name: "table/PostgreSQL", Open: openPostgres})
	register(Case{Name: "table/MariaDB", Open: openMaria})
}

const tableYAML = `
platform: bench
name: 测速
kind: table
connect: {dsn: "${BENCH_DSN}", driver: %s, table: persons, timezone: UTC}
change_column: gxsj
` + fields

// four is how many writes are under way at once, of the bare driver too.
const four = 4

func openPostgres(ctx context.Context, rows int, dir string) (*Platform, error) {
	server, err := embedded.StartPostgres(ctx, embedded.Options{Dir: dir + "/pg", Throwaway: true})
	if err != nil {
		return nil, err
	}
	conn, err := pgx.Connect(ctx, server.DSN("postgres"))
	if err != nil {
		return nil, errors.Join(err, server.Stop())
	}
	_, err = conn.Exec(ctx, "CREATE TABLE persons (id text PRIMARY KEY, xm text, sjhm text, sfzh text, gxsj timestamp); CREATE INDEX ON persons (gxsj, id)")
	if err == nil {
		all := people(rows)
		_, err = conn.CopyFrom(ctx, pgx.Identifier{"persons"}, Columns, pgx.CopyFromSlice(rows, func(i int) ([]any, error) {
			p := all[i]
			return []any{p.ID, p.Name, p.Phone, p.IDNo, p.Changed}, nil
		}))
	}
	if err == nil {
		_, err = conn.Exec(ctx, "ANALYZE persons")
	}
	if err != nil {
		return nil, errors.Join(err, conn.Close(ctx), server.Stop())
	}
	return &Platform{
		YAML: fmt.Sprintf(tableYAML, "postgres"), Env: map[string]string{"BENCH_DSN": server.DSN("postgres")},
		Pull: func(ctx context.Context) (int, error) {
			found, err := conn.Query(ctx, "SELECT id, xm, sjhm, sfzh, gxsj::text FROM persons")
			if err != nil {
				return 0, err
			}
			n := 0
			var p Person
			for found.Next() {
				if err := found.Scan(&p.ID, &p.Name, &p.Phone, &p.IDNo, &p.Changed); err != nil {
					return n, err
				}
				n++
			}
			return n, found.Err()
		},
		Push: func(ctx context.Context, changed []Changed) error {
			return inParallel(changed, func(part []Changed) error {
				c, err := pgx.Connect(ctx, server.DSN("postgres"))
				if err != nil {
					return err
				}
				defer c.Close(ctx) //nolint:errcheck // what was written is committed
				for _, x := range part {
					if _, err := c.Exec(ctx, "UPDATE persons SET sjhm = $1 WHERE id = $2", x.Phone, x.ID); err != nil {
						return err
					}
				}
				return nil
			})
		},
		Close: func() error { return errors.Join(conn.Close(context.Background()), server.Stop()) },
	}, nil
}

func openMaria(ctx context.Context, rows int, _ string) (*Platform, error) {
	server, err := mariadb.Start()
	if errors.Is(err, exec.ErrNotFound) {
		return nil, fmt.Errorf("%w: MariaDB's server program is missing (deploy/setup.sh test gets it)", ErrMissing)
	}
	if err != nil {
		return nil, err
	}
	dsn, db, err := server.Create("bench", "bench")
	if err != nil {
		server.Stop()
		return nil, err
	}
	closing := func() error { err := db.Close(); server.Stop(); return err }
	_, err = db.ExecContext(ctx, "CREATE TABLE persons (id varchar(40) PRIMARY KEY, xm varchar(40), sjhm varchar(40), sfzh varchar(40), gxsj datetime(6), KEY (gxsj, id))")
	for chunk := range slices.Chunk(people(rows), 1000) {
		if err != nil {
			break
		}
		var args []any
		for _, p := range chunk {
			for _, text := range p.Texts() {
				args = append(args, text)
			}
		}
		_, err = db.ExecContext(ctx, "INSERT INTO persons VALUES "+strings.TrimSuffix(strings.Repeat("(?,?,?,?,?),", len(chunk)), ","), args...)
	}
	if err != nil {
		return nil, errors.Join(err, closing())
	}
	bare, err := sql.Open("mysql", dsn+"?interpolateParams=true")
	if err != nil {
		return nil, errors.Join(err, closing())
	}
	bare.SetMaxIdleConns(four)
	return &Platform{
		YAML: fmt.Sprintf(tableYAML, "mariadb"), Env: map[string]string{"BENCH_DSN": dsn},
		Pull: func(ctx context.Context) (int, error) {
			found, err := bare.QueryContext(ctx, "SELECT id, xm, sjhm, sfzh, gxsj FROM persons")
			if err != nil {
				return 0, err
			}
			defer found.Close() //nolint:errcheck // found.Err says whether all was read
			n := 0
			var p Person
			for found.Next() {
				if err := found.Scan(&p.ID, &p.Name, &p.Phone, &p.IDNo, &p.Changed); err != nil {
					return n, err
				}
				n++
			}
			return n, found.Err()
		},
		Push: func(ctx context.Context, changed []Changed) error {
			return inParallel(changed, func(part []Changed) error {
				for _, x := range part {
					if _, err := bare.ExecContext(ctx, "UPDATE persons SET sjhm = ? WHERE id = ?", x.Phone, x.ID); err != nil {
						return err
					}
				}
				return nil
			})
		},
		Close: func() error { return errors.Join(bare.Close(), closing()) },
	}, nil
}
