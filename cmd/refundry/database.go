package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"slices"
	"strings"

	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/secret"
	"github.com/refundry/refundry/service"
	"github.com/refundry/refundry/store"
	"github.com/refundry/refundry/store/move"
)

// databaseFlags are for commands that need the store.
type databaseFlags struct {
	Database             string `help:"Database URL, sqlite:FILE or postgres://USER@HOST/NAME." default:"sqlite:refundry.db" placeholder:"URL" env:"REFUNDRY_DATABASE"`
	DatabasePasswordFile string `help:"File with the password of a PostgreSQL URL that has none." type:"path" placeholder:"FILE" env:"REFUNDRY_DATABASE_PASSWORD_FILE"`
}

// url is the database's URL with the password of the file, where one is named.
func (d databaseFlags) url() (string, error) {
	if d.DatabasePasswordFile == "" {
		return d.Database, nil
	}
	parsed, err := url.Parse(d.Database)
	if err != nil || parsed.Scheme != "postgres" && parsed.Scheme != "postgresql" || parsed.User.Username() == "" {
		return "", usageError{"--database-password-file goes with postgres://USER@HOST/NAME"}
	}
	if _, has := parsed.User.Password(); has {
		return "", usageError{"the database's URL has a password, and --database-password-file names another: keep one of them"}
	}
	password, err := readSecretFile(d.DatabasePasswordFile)
	if err != nil {
		return "", fmt.Errorf("read the database's password: %w", err)
	}
	parsed.User = url.UserPassword(parsed.User.Username(), password)
	return parsed.String(), nil
}

// maxSecretBytes is far above the longest key or password.
const maxSecretBytes = 64 << 10

// readSecretFile reads a key or password that is a file's only line.
func readSecretFile(name string) (string, error) {
	file, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer func() { _ = file.Close() }()
	text, err := io.ReadAll(io.LimitReader(file, maxSecretBytes))
	if err != nil {
		return "", err
	}
	line := strings.TrimRight(strings.TrimPrefix(string(text), "\ufeff"), "\r\n")
	if line == "" || strings.ContainsAny(line, "\r\n\x00") {
		return "", fmt.Errorf("%s has not one line with the secret", name)
	}
	return line, nil
}

// dataFlags are for commands that seal or open keys.
type dataFlags struct {
	Data          string `help:"Folder of the master key, and of files that are made." default:"refundry-data" type:"path" placeholder:"DIR" env:"REFUNDRY_DATA"`
	MasterKeyFile string `help:"File with the master key, base64 of 32 bytes, instead of master.key in the data folder." type:"path" placeholder:"FILE" env:"REFUNDRY_MASTER_KEY_FILE"`
}

// masterKey is the master key that is set apart from the data folder; "" for
// none.
func (d dataFlags) masterKey() (string, error) {
	text := os.Getenv(secret.Environment)
	switch {
	case d.MasterKeyFile == "":
		return text, nil
	case text != "":
		return "", usageError{secret.Environment + " and --master-key-file are both given: keep one of them"}
	}
	text, err := readSecretFile(d.MasterKeyFile)
	if err != nil {
		return "", fmt.Errorf("read master key: %w", err)
	}
	return text, nil
}

// useMasterKey hands an open store its keys.
func (d dataFlags) useMasterKey(ctx context.Context, s *store.Store) error {
	text, err := d.masterKey()
	if err != nil {
		return err
	}
	return service.UseMasterKey(ctx, s, text, d.Data)
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
	// What is there may be read all the same; changes are refused by the database.
	if err := move.Standing(e, s.DB()); errors.Is(err, move.ErrNotServed) {
		e.say("note: %v", err)
	}
	return s, nil
}

// openOrMake is open for commands that a newcomer may run first: a database
// that is new is brought to the current schema.
func (d databaseFlags) openOrMake(e *environment) (*store.Store, error) {
	err := d.alone(e, func(s *store.Store) error {
		current, _, err := s.Schema(e)
		if err == nil && current == 0 {
			err = s.Migrate(e)
		}
		return err
	})
	if err != nil && !errors.Is(err, service.ErrOwned) { // the serve that has it has made it
		return nil, err
	}
	return d.open(e)
}

// openRaw opens whatever is there.
func (d databaseFlags) openRaw(e *environment) (*store.Store, error) {
	address, err := d.url()
	if err != nil {
		return nil, err
	}
	return service.OpenStore(e, address, store.Options{Log: e.log})
}

// merchantFlags choose a merchant.
type merchantFlags struct {
	Merchant string `help:"Merchant by id or name; default the only one, or the demo merchant." placeholder:"MERCHANT"`
}

// find returns the merchant that is meant.
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

// notDisabled refuses what asks for something new in the name of a merchant that
// an operator has disabled.
func notDisabled(m merchant.Merchant) error {
	if m.Disabled() {
		return fmt.Errorf("merchant %s is disabled (hint: refundry merchant enable %s)", m.Name, m.ID)
	}
	return nil
}

// withoutPassword is a database's URL as it may be shown.
func withoutPassword(database string) string {
	if u, err := url.Parse(database); err == nil && u.User != nil {
		return u.Redacted()
	}
	return database
}
