package main

import (
	"fmt"
	"time"

	"github.com/refundry/refundry/service"
	"github.com/refundry/refundry/store"
	"github.com/refundry/refundry/store/sqldb"
)

// migrateCommand brings a database to the current schema. serve does it too;
// this is for those who want it done before. With --from it moves a database to
// another one.
type migrateCommand struct {
	databaseFlags
	dataFlags
	jsonFlag
	From             string `help:"Move this database, which may be served meanwhile: sqlite:FILE or postgres://USER@HOST/NAME." placeholder:"URL"`
	FromPasswordFile string `help:"File with the password of --from, if that is a PostgreSQL URL that has none." type:"path" placeholder:"FILE"`
	To               string `help:"Move to this database, an empty one of PostgreSQL." placeholder:"URL"`
	ToPasswordFile   string `help:"File with the password of --to." type:"path" placeholder:"FILE"`
	Citus            bool   `help:"Spread the tables over the servers of a Citus coordinator by merchant, too; stop every serve before."`
	Partition        bool   `help:"Cut the large tables of PostgreSQL by month, too, so that old months can be archived; serve may go on."`
	Undo             bool   `help:"Give up the move of --from, as long as it has not switched: that database goes on."`
}

// Help is shown by --help.
func (c *migrateCommand) Help() string {
	return `Without --from, the schema of --database is made or brought up to date; no serve
may run on a SQLite file meanwhile.

With --from and --to, everything is moved from one database to another, an empty
one of PostgreSQL. The service goes on while rows are copied; then it answers "try
again" for some seconds, in which the rest is copied and every row's hash, the
counts and the sums of money are compared. Only if all is equal, the old database
is marked as moved, for good, and the new one may be served: with --database TO and
the same master key. After an error, Ctrl-C or a crash before that the same command
goes on where it was; --undo gives the move up. docs/operations/move-to-postgresql.md
has the steps.`
}

func (c *migrateCommand) Run(e *environment) error {
	switch {
	case c.From == "" && (c.To != "" || c.Undo || c.FromPasswordFile != "" || c.ToPasswordFile != ""):
		return usageError{"--to, --undo, --from-password-file and --to-password-file go with --from: name the database that is moved"}
	case c.From != "" && c.Citus:
		return usageError{"--citus spreads --database, and --from moves another: move first, then run migrate --citus"}
	case c.From != "" && c.Partition:
		return usageError{"--partition cuts tables of --database, and --from moves another: move first, then run migrate --partition"}
	case c.Citus && c.Partition:
		return usageError{"--citus and --partition exclude each other: Citus spreads tables that are whole"}
	case c.From != "" && c.Undo:
		return c.undo(e)
	case c.From != "" && c.To == "":
		return usageError{"--from is given without --to: name the empty database to move to, or --undo"}
	case c.From != "":
		return c.move(e)
	}
	if _, sqlite := service.SQLiteFile(c.Database); sqlite && (c.Citus || c.Partition) {
		problem := sqldb.ErrNoCitus
		if c.Partition {
			problem = sqldb.ErrNoPartitions
		}
		return fmt.Errorf("%w: it is a SQLite file", problem) // and none is made
	}
	return c.alone(e, func(s *store.Store) error {
		if err := c.migrate(e, s); err != nil {
			return err
		}
		current, _, err := s.Schema(e)
		if err != nil {
			return err
		}
		if c.JSON {
			return e.printJSON(struct {
				Schema int64 `json:"schema"`
			}{current})
		}
		e.say("the database has schema %d", current)
		return nil
	})
}

func (c *migrateCommand) migrate(e *environment, s *store.Store) error {
	progress := func(table, what string) { e.say("%s: %s", table, what) }
	switch {
	case c.Citus:
		return s.Spread(e, progress)
	case c.Partition:
		return s.PartitionByMonth(e, time.Now(), progress)
	}
	return s.Migrate(e)
}

// alone works with a database that no serve has, if it is a SQLite file: then
// its schema is left to that serve.
func (d databaseFlags) alone(e *environment, work func(*store.Store) error) error {
	owner, err := service.Own(d.Database)
	if err != nil {
		return err
	}
	defer owner.Release()
	s, err := d.openRaw(e)
	if err != nil {
		return err
	}
	defer s.Close() // before the file is given back
	return work(s)
}
