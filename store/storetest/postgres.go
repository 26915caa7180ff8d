// Package storetest is the suite that both database engines must pass, and the
// throw-away PostgreSQL cluster that tests run on.
package storetest

import (
	"fmt"
	"os"
	"sync"
	"testing"
)

var shared struct {
	sync.Mutex
	cluster *Cluster
	err     error
}

// Postgres returns the URL of a fresh, empty database on the cluster that all
// tests of this process share. The first call starts the cluster; it ends and
// leaves nothing behind when the process does, with or without Main. The
// server writes as durably as in production.
func Postgres(t testing.TB) string {
	t.Helper()
	shared.Lock()
	defer shared.Unlock()
	if shared.cluster == nil && shared.err == nil {
		shared.cluster, shared.err = newCluster()
	}
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	address, err := shared.cluster.create()
	if err != nil {
		t.Fatal(err)
	}
	return address
}

// PostgresControl starts a cluster for this test alone, which it may stop, kill
// and start again. It is removed at the end of the test.
func PostgresControl(t testing.TB) *Cluster {
	t.Helper()
	cluster, err := newCluster()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cluster.close(); err != nil {
			t.Error(err)
		}
	})
	return cluster
}

// Main runs a package's tests and waits until the shared cluster is gone:
//
//	func TestMain(m *testing.M) { storetest.Main(m) }
func Main(m *testing.M) {
	code := m.Run()
	shared.Lock()
	defer shared.Unlock()
	if shared.cluster != nil {
		if err := shared.cluster.close(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = max(code, 1)
		}
	}
	os.Exit(code)
}
