package bench

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	_ "modernc.org/sqlite" // the driver "sqlite"

	"github.com/refundry/refundry/wire/pemkey"
)

// referenceTables are those of sql/schema.sql in SQLite, for one writer.
const referenceTables = `
CREATE TABLE reference_charges (merchant_id INTEGER NOT NULL, id INTEGER NOT NULL, amount INTEGER NOT NULL, refunded INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (merchant_id, id)) WITHOUT ROWID;
CREATE TABLE reference_keys (merchant_id INTEGER NOT NULL, key TEXT NOT NULL, fingerprint BLOB NOT NULL, refund_id TEXT NOT NULL, created_at INTEGER NOT NULL, PRIMARY KEY (merchant_id, key)) WITHOUT ROWID;
CREATE TABLE reference_refunds (merchant_id INTEGER NOT NULL, id TEXT NOT NULL, charge_id INTEGER NOT NULL, amount INTEGER NOT NULL, state TEXT NOT NULL, body TEXT NOT NULL, created_at INTEGER NOT NULL, PRIMARY KEY (merchant_id, id));
CREATE INDEX reference_refunds_charge ON reference_refunds (merchant_id, charge_id, created_at);
CREATE TABLE reference_events (merchant_id INTEGER NOT NULL, id TEXT NOT NULL, type TEXT NOT NULL, refund_id TEXT NOT NULL, created_at INTEGER NOT NULL, PRIMARY KEY (merchant_id, id)) WITHOUT ROWID;
CREATE TABLE reference_jobs (merchant_id INTEGER NOT NULL, id TEXT NOT NULL, type TEXT NOT NULL, refund_id TEXT NOT NULL, due_at INTEGER NOT NULL, PRIMARY KEY (merchant_id, id)) WITHOUT ROWID;
CREATE INDEX reference_jobs_due ON reference_jobs (due_at);
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000)
INSERT INTO reference_charges (merchant_id, id, amount) SELECT (i - 1) / 100 + 1, i, 1000000000000 FROM n;`

// referenceWrites are those of one refund.
var referenceWrites = []string{
	"INSERT INTO reference_keys (merchant_id, key, fingerprint, refund_id, created_at) VALUES (?1, ?3, x'00112233445566778899aabbccddeeff', ?3, ?5)",
	"UPDATE reference_charges SET refunded = refunded + 100 WHERE merchant_id = ?1 AND id = ?2 AND refunded + 100 <= amount",
	"INSERT INTO reference_refunds (merchant_id, id, charge_id, amount, state, body, created_at) VALUES (?1, ?3, ?2, 100, 'created', ?4, ?5)",
	"INSERT INTO reference_events (merchant_id, id, type, refund_id, created_at) VALUES (?1, ?3, 'refund.created', ?3, ?5)",
	"INSERT INTO reference_jobs (merchant_id, id, type, refund_id, due_at) VALUES (?1, ?3, 'submit', ?3, ?5)",
}

// referenceBatch is how many refunds share a commit.
const referenceBatch = 64

// referenceSQLite measures what SQLite does with the same rows in process, 64 refunds
// a commit, synchronous=FULL.
func referenceSQLite(ctx context.Context, dir string, duration time.Duration) (f figure, err error) {
	folder, err := os.MkdirTemp(dir, "sqlite-")
	if err != nil {
		return f, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(folder, "reference.db")+"?_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=wal_autocheckpoint(16000)")
	if err != nil {
		return f, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	db.SetMaxOpenConns(1)
	if _, err := db.ExecContext(ctx, referenceTables); err != nil {
		return f, err
	}
	var statements []*sql.Stmt
	for _, text := range referenceWrites {
		statement, err := db.PrepareContext(ctx, text)
		if err != nil {
			return f, err
		}
		defer func() { _ = statement.Close() }()
		statements = append(statements, statement)
	}
	begin, spent, done := time.Now(), ownTime(), 0
	for done == 0 || time.Since(begin) < duration {
		if err := referenceCommit(ctx, db, statements, done); err != nil {
			return f, err
		}
		done += referenceBatch
	}
	f.rate = float64(done) / time.Since(begin).Seconds()
	f.service = Micros(((ownTime() - spent) / time.Duration(done)).Microseconds())
	return f, nil
}

func referenceCommit(ctx context.Context, db *sql.DB, statements []*sql.Stmt, from int) error {
	const charges, perMerchant, stride = 100_000, 100, 7919 // a prime: no charge comes again soon
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // nothing after a commit
	now := time.Now().UnixMicro()
	for n := from; n < from+referenceBatch; n++ {
		charge := n*stride%charges + 1
		id := fmt.Sprintf("re_%020d", (n*stride)%1_000_000_007)
		for at, statement := range statements {
			args := []any{(charge-1)/perMerchant + 1, charge, id, referenceBody, now}
			// SQLite wants as many as the highest that a statement names.
			if at == 1 {
				args = args[:2]
			}
			if err := executed(ctx, tx, statement, args); err != nil {
				return err
			}
		}
	}
	return tx.Commit()
}

// executed runs a prepared statement within tx.
func executed(ctx context.Context, tx *sql.Tx, statement *sql.Stmt, args []any) error {
	inside := tx.StmtContext(ctx, statement)
	defer func() { _ = inside.Close() }()
	_, err := inside.ExecContext(ctx, args...)
	return err
}

// referenceRSA measures how many signatures, and signatures with a verification each,
// all cores make a second with keys of 2048 bits.
func referenceRSA(ctx context.Context, duration time.Duration) (sign, both figure, err error) {
	const bits = 2048
	key, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		return sign, both, err
	}
	message := []byte(referenceBody)
	signature, err := pemkey.SignSHA256(key, message)
	if err != nil {
		return sign, both, err
	}
	signs, err := onAllCores(ctx, duration, func() error {
		_, err := pemkey.SignSHA256(key, message)
		return err
	})
	if err != nil {
		return sign, both, err
	}
	verifies, err := onAllCores(ctx, duration, func() error { return pemkey.VerifySHA256(&key.PublicKey, message, signature) })
	sign.rate, both.rate = signs, 1/(1/signs+1/verifies)
	return sign, both, err
}

// onAllCores returns how often a second work was done.
func onAllCores(ctx context.Context, duration time.Duration, work func() error) (float64, error) {
	var done atomic.Int64
	errs := make([]error, runtime.GOMAXPROCS(0))
	begin := time.Now()
	var workers sync.WaitGroup
	for n := range errs {
		workers.Go(func() {
			for more := true; more; more = ctx.Err() == nil && errs[n] == nil && time.Since(begin) < duration {
				errs[n] = work()
				done.Add(1)
			}
		})
	}
	workers.Wait()
	return float64(done.Load()) / time.Since(begin).Seconds(), errors.Join(append(errs, ctx.Err())...)
}
