package sqldb

import "time"

// SetAnswerTimeout is for tests that don't wait as long as everybody else.
func (db *DB) SetAnswerTimeout(d time.Duration) { db.engine.(*postgresDB).answerTimeout = d }
