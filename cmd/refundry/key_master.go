package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/refundry/refundry/secret"
	"github.com/refundry/refundry/service"
	"github.com/refundry/refundry/store"
)

// rotateMaster puts a new master key in the place of the database's.
func (c *keyRotate) rotateMaster(e *environment) error {
	s, err := c.open(e)
	if err != nil {
		return err
	}
	defer s.Close()
	if err := c.useMasterKey(e, s); err != nil {
		return err
	}
	keys, wanted, inFile, err := c.bothKeys(e, s)
	if err != nil {
		return err
	}
	s.UseKeyring(keys)
	current, next, err := service.NextMasterKey(e, s, keys, wanted)
	if err != nil {
		return err
	}
	if next == current {
		e.say("master key %s is the database's already: what is left under another is being sealed under it (hint: --new-master-key-file names a key to go back to)", next)
	} else {
		e.say("master key %s, which is the database's, is being replaced by %s", current, next)
	}
	done, err := service.RotateMasterKey(e, s, commandBy(), next, func(done int64) error {
		e.say("%d values are sealed anew", done)
		return e.Err()
	})
	if err != nil {
		return fmt.Errorf("%w (hint: nothing is lost; run the same command again to go on)", err)
	}
	if inFile {
		kept, err := secret.DropMaster(c.Data, next)
		if err != nil {
			return err
		}
		e.say("master key %s is the database's; the one before is kept in %s, for backups that were made before now", next, kept)
		if !s.SQLite() {
			e.say("run this command on every other host that has a master.key of its own, to leave only %s there", next)
		}
	} else {
		e.say("master key %s is the database's: give it alone from now on, and keep the one before for backups that were made before now", next)
	}
	if c.JSON {
		return e.printJSON(struct {
			Key    string `json:"master_key"`
			Sealed int64  `json:"sealed"`
		}{next, done})
	}
	_, err = fmt.Fprintln(e.out, next)
	return err
}

// bothKeys are the master key in use and the new one; wanted is the id of the new one
// where a file names it, and inFile says that they are in the data folder.
func (c *keyRotate) bothKeys(e *environment, s *store.Store) (keys *secret.Keyring, wanted string, inFile bool, err error) {
	text, err := c.masterKey()
	if err != nil {
		return nil, "", false, err
	}
	fresh := ""
	var added *secret.Keyring
	if c.NewMasterKeyFile != "" {
		if fresh, err = readSecretFile(c.NewMasterKeyFile); err != nil {
			return nil, "", false, fmt.Errorf("read new master key: %w", err)
		}
		if added, err = secret.Load(fresh, "", false); err != nil {
			return nil, "", false, asMasterProblem(err)
		}
		wanted = added.ID()
	}
	if text == "" {
		if err := c.everyHost(e, s); err != nil {
			return nil, "", false, err
		}
		keys, err = secret.AddMaster(c.Data, fresh)
		return keys, wanted, true, asMasterProblem(err)
	}
	if keys, err = secret.Load(text, "", false); err != nil {
		return nil, "", false, asMasterProblem(err)
	}
	if added != nil && !slices.Contains(keys.IDs(), wanted) {
		keys = keys.With(added)
	}
	if len(keys.IDs()) == 1 {
		return nil, "", false, usageError{"the master key is not in the data folder: give the new one with --new-master-key-file, and both of them to each serve first"}
	}
	return keys, wanted, false, nil
}

// everyHost says that hosts which share a PostgreSQL database need both keys, each in
// its own file: this command changes one file alone. Where others are connected and this
// file has no second key, they can't have it either, and nothing is begun.
func (c *keyRotate) everyHost(e *environment, s *store.Store) error {
	if s.SQLite() {
		return nil
	}
	keys, err := secret.Load("", c.Data, false)
	if err != nil {
		return asMasterProblem(err)
	}
	hosts, err := s.OtherHosts(e)
	if err != nil {
		return err
	}
	if len(hosts) > 0 && len(keys.IDs()) == 1 {
		return fmt.Errorf("processes on other hosts use the database (%s), and each needs both master keys in its master.key before the rotation begins "+
			"(hint: openssl rand -base64 32 >> %s, copy the file to each host, and run the same command again)", strings.Join(hosts, ", "), filepath.Join(c.Data, "master.key"))
	}
	e.say("this changes %s alone: master.key of every other host that uses the database must hold both keys already, else its processes open nothing that is sealed anew", filepath.Join(c.Data, "master.key"))
	return nil
}

// asMasterProblem adds to a key that can't be used what to do.
func asMasterProblem(err error) error {
	if errors.Is(err, secret.ErrMasterKey) {
		return fmt.Errorf("%w (hint: make one with: openssl rand -base64 32)", err)
	}
	return err
}
