package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"slices"

	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/secret"
	"github.com/refundry/refundry/service"
	"github.com/refundry/refundry/store"
)

// databaseFlags are for commands that need the store.
type databaseFlags struct {
	Database string `help:"Database URL, sqlite:FILE or postgres://USER@HOST/NAME." default:"sqlite:refundry.db" placeholder:"URL" env:"REFUNDRY_DATABASE"`
}

// dataFlags are for commands that seal or open keys.
type dataFlags struct {
	Data string `help:"Folder of the master key, and of files that are made." default:"refundry-data" type:"path" placeholder:"DIR" env:"REFUNDRY_DATA"`
}

// useMasterKey gives an open store its keys.
func (d dataFlags) useMasterKey(ctx context.Context, s *store.Store) error {
	return service.UseMasterKey(ctx, s, os.Getenv(secret.Environment), d.Data)
}

// open opens a database that is there and has a schema that this program
// knows. Commands run next to a serve: nothing is migrated under its feet.
func (d databaseFlags) open(e *environment) (*store.Store, error) {
	if name, sqlite := service.SQLiteFile(d.Database); sqlite {
		if _, err := os.Stat(name); errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("open database: there is no file %s (hint: name the right one with --database; serve and migrate make a new one)", name)
		}
	}
	s, err := d.openRaw(e)
	if err != nil {
		return nil, err
	}
	current, known, err := s.Schema(e)
	if err == nil && current < known {
		err = fmt.Errorf("the database has schema %d and this program needs %d (hint: run refundry migrate, or serve, which does it too)", current, known)
	}
	if err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// openOrMake is open for commands that a newcomer may run first: a database
// that is new is brought to the current schema.
func (d databaseFlags) openOrMake(e *environment) (*store.Store, error) {
	s, err := d.openRaw(e)
	if err != nil {
		return nil, err
	}
	current, _, err := s.Schema(e)
	if err == nil && current == 0 {
		err = migrate(e, s, d.Database)
	}
	s.Close()
	if err != nil {
		return nil, err
	}
	return d.open(e)
}

// openRaw opens whatever is there.
func (d databaseFlags) openRaw(e *environment) (*store.Store, error) {
	return service.OpenStore(e, d.Database, store.Options{Log: e.log})
}

// merchantFlags choose a merchant.
type merchantFlags struct {
	Merchant string `help:"Merchant by id or name; default the only one, or the demo merchant." placeholder:"MERCHANT"`
}

// find gives the merchant that is meant.
func (m merchantFlags) find(ctx context.Context, s *store.Store) (merchant.Merchant, error) {
	all, err := s.Merchants(ctx)
	if err != nil {
		return merchant.Merchant{}, err
	}
	if m.Merchant == "" && len(all) == 1 {
		return all[0], nil
	}
	if at := slices.IndexFunc(all, func(m merchant.Merchant) bool { return m.Settings.Demo }); m.Merchant == "" && at >= 0 {
		return all[at], nil
	}
	if m.Merchant == "" {
		return merchant.Merchant{}, usageError{fmt.Sprintf("there are %d merchants: say which with --merchant (hint: refundry merchant list)", len(all))}
	}
	for _, one := range all {
		if one.ID == m.Merchant {
			return one, nil
		}
	}
	return s.MerchantByName(ctx, m.Merchant)
}

// openFor opens the database and finds the merchant that is meant.
func openFor(e *environment, d databaseFlags, m merchantFlags) (*store.Store, merchant.Merchant, error) {
	s, err := d.open(e)
	if err != nil {
		return nil, merchant.Merchant{}, err
	}
	found, err := m.find(e, s)
	if err != nil {
		s.Close()
		return nil, merchant.Merchant{}, err
	}
	return s, found, nil
}

// withoutPassword is a database's URL as it may be shown.
func withoutPassword(database string) string {
	if u, err := url.Parse(database); err == nil && u.User != nil {
		return u.Redacted()
	}
	return database
}
