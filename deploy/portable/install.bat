@echo off
rem Creates a Python environment in this folder, from the hashed list. run.bat calls this file if it is needed.
rem Without a network, put the packages into a folder "wheels" first:
rem   pip download --no-deps --require-hashes -r requirements.txt -d wheels
setlocal
cd /d "%~dp0"
set "FOUND="
call :try py -3
call :try py -3.14
call :try py -3.13
call :try python
call :try python3
if defined FOUND goto found
echo vm-balancer needs Python 3.10 to 3.14 from python.org.
goto failed

:found
echo Installing into %CD%\.venv ...
if exist .venv rmdir /s /q .venv
call %FOUND% -m venv .venv
if not "%ERRORLEVEL%"=="0" goto failed
set "FROM="
if exist wheels set "FROM=--no-index --find-links wheels"
.venv\Scripts\python.exe -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements.txt %FROM%
if not "%ERRORLEVEL%"=="0" goto failed
copy /y requirements.txt .venv\installed.txt >nul
if not "%ERRORLEVEL%"=="0" goto failed
if not exist .env copy config.env.example .env >nul
if /i "%~1"=="/quiet" exit /b 0
echo Ready. Fill in %CD%\.env, then look: run.bat --dry-run --once
pause
exit /b 0

:failed
echo vm-balancer was not installed.
if /i not "%~1"=="/quiet" pause
exit /b 1

rem "call" is needed here too: the python of pyenv is a script and would not return.
:try
if defined FOUND exit /b 0
call %* -c "import sys, ensurepip, venv; sys.exit(not 0x030A0000 <= sys.hexversion < 0x030F0000)" >nul 2>nul
if "%ERRORLEVEL%"=="0" set "FOUND=%*"
exit /b 0
