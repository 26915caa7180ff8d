package main

import (
	"errors"
	"fmt"
	"slices"

	"github.com/refundry/refundry/secret"
	"github.com/refundry/refundry/service"
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
	keys, inFile, err := c.bothKeys()
	if err != nil {
		return err
	}
	s.UseKeyring(keys)
	next := keys.IDs()[1]
	e.say("everything is being sealed under master key %s", next)
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

// bothKeys are the master key in use and the new one; inFile says that they are in
// the data folder.
func (c *keyRotate) bothKeys() (keys *secret.Keyring, inFile bool, err error) {
	text, err := c.masterKey()
	if err != nil {
		return nil, false, err
	}
	fresh := ""
	if c.NewMasterKeyFile != "" {
		if fresh, err = readSecretFile(c.NewMasterKeyFile); err != nil {
			return nil, false, fmt.Errorf("read new master key: %w", err)
		}
	}
	if text == "" {
		keys, err = secret.AddMaster(c.Data, fresh)
		return keys, true, asMasterProblem(err)
	}
	if keys, err = secret.Load(text, "", false); err != nil {
		return nil, false, asMasterProblem(err)
	}
	if fresh != "" {
		added, err := secret.Load(fresh, "", false)
		if err != nil {
			return nil, false, asMasterProblem(err)
		}
		if !slices.Contains(keys.IDs(), added.ID()) {
			keys = keys.With(added)
		}
	}
	if len(keys.IDs()) != 2 {
		return nil, false, usageError{"the master key is not in the data folder: give the new one with --new-master-key-file, and both of them to each serve first"}
	}
	return keys, false, nil
}

// asMasterProblem adds to a key that can't be used what to do.
func asMasterProblem(err error) error {
	if errors.Is(err, secret.ErrMasterKey) {
		return fmt.Errorf("%w (hint: make one with: openssl rand -base64 32)", err)
	}
	return err
}
