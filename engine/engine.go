// Package engine carries accepted refunds to their channels.
package engine
