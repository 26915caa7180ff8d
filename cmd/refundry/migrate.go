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
	s, err := c.openRaw(e)
	if err != nil {
		return err
	}
	defer s.Close()
	if err := migrate(e, s, c.Database); err != nil {
		return err
	}
	current, _, err := s.Schema(e)
	if err != nil {
		return err
	}
	e.say("the database has schema %d", current)
	return nil
}

// migrate brings an open database to the current schema. A SQLite file that a
// serve owns is left to it.
func migrate(e *environment, s *store.Store, database string) error {
	owner, err := service.Own(database)
	if err != nil {
		return err
	}
	defer owner.Release()
	return s.Migrate(e)
}
