// Runs Azurite for as long as standard input stays open, so that it never outlives the tests.
process.stdin.resume().on("close", () => process.exit());
require("azurite/dist/src/azurite.js");
