// Package storetest is the suite that both database engines must pass, and the
// throw-away PostgreSQL cluster that tests run on.
package storetest

import (
	"context"
	"fmt"
	"os"
	"sync"
	"testing"

	"github.com/refundry/refundry/internal/pgcluster"
)

// maxConnections is what the services of e2e need that run at once, with the 16
// connections that each may open.
const maxConnections = "400"

var shared struct {
	sync.Mutex
	cluster *pgcluster.Cluster
	// migrated is the database that Postgres copies, "" before the first call.
	migrated string
	citus    *citus
	err      error
}

// Postgres returns the URL of a fresh database that has the current schema and no
// rows, on the cluster that all tests of this process share. The first call starts
// the cluster; it ends and leaves nothing behind when the process does, with or
// without Main. The server writes as durably as in production. With
// REFUNDRY_TEST_CITUS the database is on that coordinator instead.
func Postgres(t testing.TB) string {
	t.Helper()
	if OnCitus() {
		return postgresOnCitus(t)
	}
	return database(t, true)
}

// EmptyPostgres is Postgres without the schema, except on Citus, where the database
// has it too.
func EmptyPostgres(t testing.TB) string {
	t.Helper()
	if OnCitus() {
		return postgresOnCitus(t)
	}
	return database(t, false)
}

// PlainPostgres is Postgres on this process's own cluster in any case: for tests of
// what is not done on Citus, such as exported snapshots and moves.
func PlainPostgres(t testing.TB) string {
	t.Helper()
	return database(t, true)
}

// database makes a database on the shared cluster.
func database(t testing.TB, migrated bool) string {
	t.Helper()
	shared.Lock()
	defer shared.Unlock()
	if shared.cluster == nil && shared.err == nil {
		shared.cluster, shared.err = pgcluster.New(pgcluster.Options{Settings: map[string]string{"max_connections": maxConnections}})
	}
	if shared.err == nil && migrated && shared.migrated == "" {
		shared.migrated, shared.err = migratedDatabase(shared.cluster)
	}
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	template := ""
	if migrated {
		template = shared.migrated
	}
	name, err := shared.cluster.Create(template)
	if err != nil {
		t.Fatal(err)
	}
	return shared.cluster.URL(name)
}

// migratedDatabase makes a database with the current schema. Nobody is connected to
// it afterwards, or PostgreSQL would not copy it.
func migratedDatabase(cluster *pgcluster.Cluster) (string, error) {
	name, err := cluster.Create("")
	if err != nil {
		return "", err
	}
	return name, migrate(cluster.URL(name))
}

// PostgresControl starts a cluster for this test alone, which it may stop, kill
// and start again. It is removed at the end of the test.
func PostgresControl(t testing.TB) *Cluster {
	t.Helper()
	cluster, err := pgcluster.New(pgcluster.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cluster.Close(); err != nil {
			t.Error(err)
		}
	})
	return &Cluster{cluster}
}

// Cluster is a PostgreSQL server of a test's own. Its address stays the same.
type Cluster struct{ own *pgcluster.Cluster }

// Postgres returns the URL of a fresh, empty database on this cluster.
func (c *Cluster) Postgres(t testing.TB) string {
	t.Helper()
	name, err := c.own.Create("")
	if err != nil {
		t.Fatal(err)
	}
	return c.own.URL(name)
}

// Stop ends the server in order; clients are cut off.
func (c *Cluster) Stop(t testing.TB) {
	t.Helper()
	if err := c.own.Stop(); err != nil {
		t.Fatal(err)
	}
}

// Kill ends the server as a crash would: nothing is written any more, and the
// next Start recovers from the log.
func (c *Cluster) Kill(t testing.TB) {
	t.Helper()
	if err := c.own.Kill(); err != nil {
		t.Fatal(err)
	}
}

// Start brings a stopped or killed server back and waits until it answers.
func (c *Cluster) Start(t testing.TB) {
	t.Helper()
	if err := c.own.Start(); err != nil {
		t.Fatal(err)
	}
}

// Main runs a package's tests and waits until the shared cluster is gone:
//
//	func TestMain(m *testing.M) { storetest.Main(m) }
func Main(m *testing.M) {
	code := m.Run()
	shared.Lock()
	defer shared.Unlock()
	if shared.cluster != nil {
		if err := shared.cluster.Close(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = max(code, 1)
		}
	}
	if shared.citus != nil {
		if err := shared.citus.drop(context.Background(), ""); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = max(code, 1)
		}
	}
	os.Exit(code)
}
