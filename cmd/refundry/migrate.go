package main

import (
	"github.com/refundry/refundry/service"
	"github.com/refundry/refundry/store"
)

// migrateCommand brings a database to the current schema. serve does it too;
// this is for those who want it done before.
type migrateCommand struct {
	databaseFlags
}

func (c *migrateCommand) Run(e *environment) error {
	return c.alone(e, func(s *store.Store) error {
		if err := s.Migrate(e); err != nil {
			return err
		}
		current, _, err := s.Schema(e)
		if err != nil {
			return err
		}
		e.say("the database has schema %d", current)
		return nil
	})
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
