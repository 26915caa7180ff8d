package admin_test

import (
	"errors"
	"reflect"
	"testing"

	"github.com/refundry/refundry/admin"
	"github.com/refundry/refundry/audit"
)

// Every use case takes an actor, and refuses nobody before it touches anything:
// these have no database.
func TestNobodyMayDoAnything(t *testing.T) {
	a := reflect.ValueOf(admin.New(admin.Services{}))
	found := 0
	for n := range a.NumMethod() {
		method, name := a.Method(n), a.Type().Method(n).Name
		if method.Type().NumIn() < 2 || method.Type().In(1) != reflect.TypeFor[admin.By]() {
			continue
		}
		found++
		args := []reflect.Value{reflect.ValueOf(t.Context())}
		for in := 1; in < method.Type().NumIn(); in++ {
			args = append(args, reflect.Zero(method.Type().In(in)))
		}
		results := method.Call(args)
		err, _ := results[len(results)-1].Interface().(error)
		if !errors.Is(err, audit.ErrNoActor) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if found < 20 {
		t.Errorf("only %d use cases were found", found)
	}
}
