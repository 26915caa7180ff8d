package service

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store"
	"github.com/refundry/refundry/store/move"
)

// maxMoveSkew is by how much the clocks of the old database's processes and of the new
// database may differ: a lease (45 s) outlives the call that was made under it (30 s) by
// more.
const maxMoveSkew = 5 * time.Second

// MoveOptions say which database is moved where.
type MoveOptions struct {
	// From and To are the databases' URLs; FromName and ToName are shown, and have no
	// passwords.
	From, To, FromName, ToName string
	// MasterKey and Data are as of a service: the key with which the new database will
	// be served. It must open the old one's secrets, which move as they are.
	MasterKey, Data string
	// Progress is called often; default nobody.
	Progress func(move.Progress)
	Log      *slog.Logger // default slog.Default()
}

// BrokenError says that a database does not hold its invariants, so that it is not
// moved.
type BrokenError struct{ Findings []refund.Finding }

func (e *BrokenError) Error() string {
	return fmt.Sprintf("%d invariants of the old database are broken, and it is not moved like that (hint: refundry verify lists them)", len(e.Findings))
}

// Move moves a database that may be served meanwhile to another one: move.Run, after
// everything was looked at that may be wrong with either. It may be run again after
// whatever ended it.
func Move(ctx context.Context, o MoveOptions) (move.Report, error) {
	if o.Log == nil {
		o.Log = slog.Default()
	}
	from, err := openOld(ctx, o)
	if err != nil {
		return move.Report{}, fmt.Errorf("old database: %w", err)
	}
	defer from.Close()
	marks, err := move.Marks(ctx, from.DB())
	if err != nil {
		return move.Report{}, err
	}
	if err := UseMasterKeyThatIsThere(ctx, from, o.MasterKey, o.Data); err != nil {
		return move.Report{}, err
	}
	// One that rests since a run was killed is not read again before it goes on: it was
	// whole when that run began.
	resting := marks[move.From].State == move.Resting
	if marks[move.From].State != move.Moved && !resting {
		if o.Progress != nil {
			o.Progress(move.Progress{Phase: "verify the old database"})
		}
		if err := unbroken(ctx, from); err != nil {
			return move.Report{}, err
		}
	}
	to, err := openNew(ctx, o)
	if err != nil {
		return move.Report{}, stillResting(resting, fmt.Errorf("new database: %w", err))
	}
	defer to.Close()
	if err := sameTime(ctx, from, to); err != nil {
		return move.Report{}, stillResting(resting, err)
	}
	return move.Run(ctx, from.DB(), to.DB(), move.Options{
		From: o.FromName, To: o.ToName, ID: func() string { return refund.NewID(time.Now()) }, Progress: o.Progress, Log: o.Log,
	})
}

// stillResting adds to an error that the old database takes no changes meanwhile.
func stillResting(resting bool, err error) error {
	if !resting {
		return err
	}
	return fmt.Errorf("%w; the old database has been at rest since a run of the move was ended in its pause (hint: mend this and run it again, or have the old database go on with refundry migrate --from URL --undo)", err)
}

// UndoMove gives up a move that has not switched, and returns what was known of it.
func UndoMove(ctx context.Context, o MoveOptions) (move.Mark, error) {
	from, err := openOld(ctx, o)
	if err != nil {
		return move.Mark{}, err
	}
	defer from.Close()
	return move.Undo(ctx, from.DB())
}

// openOld opens a database that is there and has this program's schema.
func openOld(ctx context.Context, o MoveOptions) (*store.Store, error) {
	if name, sqlite := SQLiteFile(o.From); sqlite {
		if _, err := os.Stat(name); errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("there is no file %s (hint: name the database that is served now with --from)", name)
		}
	}
	s, err := OpenStore(ctx, o.From, store.Options{Log: o.Log})
	if err != nil {
		return nil, err
	}
	current, known, err := s.Schema(ctx)
	switch {
	case err != nil:
	case current == 0:
		err = errors.New("it is no database of refundry's")
	case current < known:
		err = fmt.Errorf("it has schema %d, and this program moves schema %d (hint: upgrade its service to this version first)", current, known)
	case current > known:
		err = fmt.Errorf("it has schema %d, and this program knows %d (hint: use the program that serves it)", current, known)
	default:
		err = notDistributed(ctx, s)
	}
	if err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// openNew opens the database that is filled, and makes its schema if it has no tables.
func openNew(ctx context.Context, o MoveOptions) (*store.Store, error) {
	if _, sqlite := SQLiteFile(o.To); sqlite {
		return nil, errors.New("a move goes to PostgreSQL, and --to names a SQLite file (hint: refundry backup copies one SQLite file to another)")
	}
	s, err := OpenStore(ctx, o.To, store.Options{Log: o.Log})
	if err != nil {
		return nil, err
	}
	current, known, err := s.Schema(ctx)
	if err == nil && current == 0 {
		var names []string
		if names, _, err = s.DB().Tables(ctx); err == nil && len(names) > 0 {
			err = fmt.Errorf("it is not empty: it has a table %s, which is not of refundry (hint: name an empty database with --to)", names[0])
		}
	}
	switch {
	case err != nil:
	case current > known:
		err = fmt.Errorf("it has schema %d, and this program knows %d (hint: it is not empty, or a newer program made it: name an empty database with --to)", current, known)
	case current < known:
		err = migrateEmpty(ctx, s, current)
	}
	if err == nil {
		err = notDistributed(ctx, s)
	}
	if err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// migrateEmpty makes the schema of a database that has no rows. One that has some is
// somebody's, and left as it is.
func migrateEmpty(ctx context.Context, s *store.Store, current int64) error {
	if current > 0 {
		table, err := move.HasRows(ctx, s.DB())
		if err != nil {
			return err
		}
		if table != "" {
			return fmt.Errorf("it has schema %d, and its table %s has rows (hint: name an empty database with --to; what is in this one is left as it is)", current, table)
		}
	}
	return s.Migrate(ctx)
}

// notDistributed refuses tables that Citus keeps on several servers, which have no
// triggers.
func notDistributed(ctx context.Context, s *store.Store) error {
	if s.SQLite() {
		return nil
	}
	citus, err := s.DB().HasTable(ctx, "pg_dist_partition")
	if err == nil && citus {
		err = errors.New("it has Citus, whose distributed tables can't be moved (hint: move to a plain PostgreSQL database)")
	}
	return err
}

// unbroken makes sure that the invariants hold.
func unbroken(ctx context.Context, s *store.Store) error {
	findings, err := Verify(ctx, s)
	if err != nil {
		return fmt.Errorf("verify the old database: %w", err)
	}
	var broken []refund.Finding
	for _, f := range findings {
		if !f.Note {
			broken = append(broken, f)
		}
	}
	if len(broken) > 0 {
		return &BrokenError{broken}
	}
	return nil
}

// sameTime compares the clock by which leases were given with that by which they will
// be taken over.
func sameTime(ctx context.Context, from, to *store.Store) error {
	old, err := from.ClockOffset(ctx)
	if err != nil {
		return err
	}
	fresh, err := to.ClockOffset(ctx)
	if err != nil {
		return err
	}
	if skew := (fresh - old).Abs(); skew > maxMoveSkew {
		return fmt.Errorf("the clocks of both databases differ by %v, and a refund that is being sent may be taken over too early (hint: correct the clocks, by NTP for instance)", skew.Round(time.Millisecond))
	}
	return nil
}

// UseMasterKeyThatIsThere is UseMasterKey for a database that is only read: it makes no
// key, and a database without secrets needs none.
func UseMasterKeyThatIsThere(ctx context.Context, s *store.Store, text, data string) error {
	has, err := s.HasMasterKey(ctx)
	if err != nil || !has {
		return err
	}
	if err := UseMasterKey(ctx, s, text, data); err != nil {
		return fmt.Errorf("%w (hint: secrets move as they are: name the old service's master key, with which the new database will be served, by --data or --master-key-file)", err)
	}
	return nil
}

// MoveName is a database's URL as it is shown and compared: a file by its whole path.
func MoveName(url string) string {
	name, sqlite := SQLiteFile(url)
	if !sqlite {
		return url
	}
	if whole, err := filepath.Abs(strings.TrimPrefix(name, "//")); err == nil {
		return "sqlite:" + whole
	}
	return url
}
