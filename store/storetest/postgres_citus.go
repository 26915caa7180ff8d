package storetest

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/refundry/refundry/store"
)

// CitusVariable names a Citus coordinator, by the URL of a database there in
// which its workers are known: every Postgres is then a database of the current
// schema that is spread over them. docs/scaling.md says how to set one up.
const CitusVariable = "REFUNDRY_TEST_CITUS"

// citusTimeout is far above the seconds that it takes to set a database up.
const citusTimeout = 2 * time.Minute

// OnCitus reports whether Postgres gives databases of a Citus coordinator, which
// have the current schema.
func OnCitus() bool { return os.Getenv(CitusVariable) != "" }

// citus makes databases on a coordinator and its workers as copies of one, which
// is set up and spread once.
type citus struct {
	coordinator string   // its URL
	servers     []string // the URLs of all servers, the coordinator first
	template    string
}

func newCitus(ctx context.Context) (*citus, error) {
	c := &citus{coordinator: os.Getenv(CitusVariable), template: randomName()}
	var nodes []string
	err := onServer(ctx, c.coordinator, func(conn *pgx.Conn) error {
		rows, err := conn.Query(ctx, `SELECT n.nodename, n.nodeport, n.groupid = 0 FROM pg_dist_node n ORDER BY n.groupid`)
		if err != nil {
			return err
		}
		var host string
		var port int
		var first bool
		_, err = pgx.ForEachRow(rows, []any{&host, &port, &first}, func() error {
			at, err := url.Parse(c.coordinator)
			if err != nil {
				return err
			}
			if first {
				nodes = append(nodes, fmt.Sprintf("SELECT citus_set_coordinator_host('%s', %d)", host, port))
			} else {
				nodes = append(nodes, fmt.Sprintf("SELECT citus_add_node('%s', %d)", host, port))
				at.Host = net.JoinHostPort(host, strconv.Itoa(port))
			}
			c.servers = append(c.servers, at.String())
			return nil
		})
		return err
	})
	if err == nil && len(c.servers) < 2 {
		err = errors.New("the coordinator knows no worker")
	}
	if err == nil {
		err = c.everywhere(ctx, "CREATE DATABASE "+c.template)
	}
	for _, server := range c.servers {
		if err == nil {
			err = run(ctx, inDatabase(server, c.template), "CREATE EXTENSION citus")
		}
	}
	for _, text := range nodes {
		if err == nil {
			err = run(ctx, inDatabase(c.coordinator, c.template), text)
		}
	}
	if err == nil {
		err = c.spread(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("set up Citus of %s: %w", CitusVariable, err)
	}
	return c, nil
}

// spread gives the template the schema, and has nobody be in it any more, since a
// database is copied only then: Citus has a process of its own in each.
func (c *citus) spread(ctx context.Context) error {
	s, err := store.Open(ctx, inDatabase(c.coordinator, c.template), store.Options{})
	if err != nil {
		return err
	}
	err = s.Spread(ctx, nil)
	s.Close()
	if err != nil {
		return err
	}
	if err := c.everywhere(ctx, "ALTER DATABASE "+c.template+" WITH ALLOW_CONNECTIONS false"); err != nil {
		return err
	}
	return c.everywhere(ctx, "SELECT pg_terminate_backend(a.pid, 10000) FROM pg_stat_activity a WHERE a.datname = '"+c.template+"'")
}

// create makes a database. A server's own process may still be leaving the template.
func (c *citus) create(ctx context.Context) (string, error) {
	for {
		name := randomName()
		err := c.everywhere(ctx, "CREATE DATABASE "+name+" TEMPLATE "+c.template)
		if err == nil {
			return inDatabase(c.coordinator, name), nil
		}
		// What one server has made would be looked for on the others for ever.
		dropped := c.drop(ctx, inDatabase(c.coordinator, name))
		if !inUse(err) || dropped != nil || ctx.Err() != nil {
			return "", errors.Join(err, dropped)
		}
	}
}

// drop removes a database by its URL, or the template where address is "".
func (c *citus) drop(ctx context.Context, address string) error {
	name := c.template
	if address != "" {
		at, err := url.Parse(address)
		if err != nil {
			return err
		}
		name = at.Path[1:]
	}
	for {
		err := c.everywhere(ctx, "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)")
		if !inUse(err) || ctx.Err() != nil {
			return err
		}
	}
}

// inUse reports whether an error is that a database is in use, as it may be for a
// moment by a process that Citus keeps in each.
func inUse(err error) bool {
	var problem *pgconn.PgError
	return errors.As(err, &problem) && problem.Code == "55006"
}

func (c *citus) everywhere(ctx context.Context, text string) error {
	var all error
	for _, server := range c.servers {
		all = errors.Join(all, run(ctx, server, text))
	}
	return all
}

// postgresOnCitus is Postgres on Citus. Its database is dropped at the end of
// the test.
func postgresOnCitus(t testing.TB) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), citusTimeout)
	defer cancel()
	shared.Lock()
	defer shared.Unlock()
	if shared.citus == nil && shared.err == nil {
		shared.citus, shared.err = newCitus(ctx)
	}
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	made := shared.citus
	address, err := made.create(ctx)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), citusTimeout)
		defer cancel()
		if err := made.drop(ctx, address); err != nil {
			t.Error(err)
		}
	})
	return address
}

// Distribute has a migrated database of a plain PostgreSQL server look like one whose tables
// Citus distributes, to who opens it from then on: lists are split by merchant, and
// what has a text for several servers goes by it. All rows stay where they are, and
// commits don't wait for the disk.
func Distribute(t testing.TB, address string) {
	t.Helper()
	for _, text := range []string{
		`INSERT INTO pg_extension (oid, extname, extowner, extnamespace, extrelocatable, extversion)
			SELECT 16000, 'citus', r.oid, 'public'::regnamespace, false, '0' FROM pg_roles r WHERE r.rolname = current_user`,
		`CREATE TABLE pg_dist_partition AS SELECT c.oid AS logicalrelid, 'h' AS partmethod, 's' AS repmodel FROM pg_class c
			WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r'`,
		`CREATE TABLE pg_dist_node AS SELECT 0 AS groupid, true AS isactive, 'primary' AS noderole, true AS shouldhaveshards`,
		`DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET synchronous_commit = off', current_database()); END $$`,
		`CREATE FUNCTION truncate_local_data_after_distributing_table(regclass) RETURNS void LANGUAGE sql AS ''`,
	} {
		if err := run(t.Context(), address, text); err != nil {
			t.Fatal(err)
		}
	}
}

func inDatabase(server, name string) string {
	at, err := url.Parse(server)
	if err != nil {
		return server
	}
	at.Path = "/" + name
	return at.String()
}

func run(ctx context.Context, address, text string) error {
	return onServer(ctx, address, func(conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, text)
		return err
	})
}

func onServer(ctx context.Context, address string, work func(*pgx.Conn) error) (err error) {
	conn, err := pgx.Connect(ctx, address)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close(ctx)) }()
	return work(conn)
}

func randomName() string {
	bytes := make([]byte, 8)
	_, _ = rand.Read(bytes) // never fails: it ends the program instead
	return "t_" + hex.EncodeToString(bytes)
}
