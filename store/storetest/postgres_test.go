package storetest

import (
	"bufio"
	"context"
	"errors"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/refundry/refundry/internal/pgcluster"
)

// holderVariable makes the test binary start a cluster, print where it is and
// wait to be killed.
const holderVariable = "STORETEST_HOLDER"

func TestMain(m *testing.M) {
	if os.Getenv(holderVariable) != "" {
		hold()
	}
	Main(m)
}

func hold() {
	cluster, err := pgcluster.New(pgcluster.Options{})
	if err != nil {
		panic(err)
	}
	println(cluster.Dir(), cluster.Port())
	time.Sleep(time.Hour)
}

func connect(t *testing.T, address string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

func TestPostgresGivesFreshDurableDatabases(t *testing.T) {
	first, second := database(t, false), database(t, false)
	if first == second {
		t.Fatalf("one database twice: %s", first)
	}
	if _, err := connect(t, first).Exec(t.Context(), "CREATE TABLE seen (id BIGINT)"); err != nil {
		t.Fatal(err)
	}
	conn := connect(t, second)
	for name, want := range map[string]string{
		"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on", "max_connections": maxConnections, "server_encoding": "UTF8",
	} {
		var got string
		if err := conn.QueryRow(t.Context(), "SELECT current_setting($1)", name).Scan(&got); err != nil || got != want {
			t.Errorf("%s is %q (%v), want %q", name, got, err, want)
		}
	}
	var one, tables int
	err := conn.QueryRow(t.Context(), "SELECT 1, (SELECT count(*) FROM pg_tables WHERE schemaname = 'public')").Scan(&one, &tables)
	if err != nil || one != 1 || tables != 0 {
		t.Errorf("got %d with %d tables, %v", one, tables, err)
	}
}

func TestClusterRecoversFromAKill(t *testing.T) {
	cluster := PostgresControl(t)
	address := cluster.Postgres(t)
	if _, err := connect(t, address).Exec(t.Context(), "CREATE TABLE kept AS SELECT 7 AS id"); err != nil {
		t.Fatal(err)
	}
	for _, stop := range []func(testing.TB){cluster.Kill, cluster.Stop} {
		stop(t)
		if _, err := pgx.Connect(t.Context(), address); err == nil {
			t.Fatal("still answers after its end")
		}
		cluster.Start(t)
		var id int
		if err := connect(t, address).QueryRow(t.Context(), "SELECT id FROM kept").Scan(&id); err != nil || id != 7 {
			t.Errorf("kept %d, %v", id, err)
		}
	}
	if err := cluster.own.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(cluster.own.Dir()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("folder is left behind: %v", err)
	}
}

func TestClusterDiesWithAKilledProcess(t *testing.T) {
	holder := exec.CommandContext(t.Context(), os.Args[0])
	holder.Env = append(os.Environ(), holderVariable+"=1")
	out, err := holder.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := holder.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	dir, port, found := strings.Cut(strings.TrimSpace(line), " ")
	if !found {
		t.Fatalf("the holder said %q", line)
	}
	if err := holder.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = holder.Wait()
	// The end is told by another process, so there is nothing to wait on but
	// the clock.
	deadline := time.Now().Add(3 * time.Minute)
	for time.Now().Before(deadline) {
		if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("folder %s is left behind", dir)
	}
	if conn, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", port)); err == nil {
		_ = conn.Close()
		t.Error("the server still listens")
	}
}
