/** Rows of one source file and one test file: each `[name, promise, find, replace, only]`. */
module.exports = (file, test, list) => list.map(([name, promise, find, replace, only]) => ({ name, promise, file, find, replace, test, only }));
